"""What goes to the broker and comes from it, without saying how: transport, seals, probes, dead letters."""
