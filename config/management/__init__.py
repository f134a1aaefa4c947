"""Commands of the wiring app."""
