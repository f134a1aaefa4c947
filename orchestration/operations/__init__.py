"""What people look at and hold against the rows: terminal, replay, stranding, look-up."""
