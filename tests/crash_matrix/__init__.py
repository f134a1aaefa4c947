"""Proofs by force: a whole system of real processes whose members are killed, frozen and cut off while it works."""
