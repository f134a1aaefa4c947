"""Named places where a process may be ended on purpose, and the ways to end it."""
