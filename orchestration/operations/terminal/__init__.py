"""Sagas as a person at a terminal sees them, and as JSON for programs. Reads only."""
