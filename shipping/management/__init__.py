"""Commands of the warehouse."""
