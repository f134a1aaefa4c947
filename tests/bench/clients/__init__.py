"""One client per side: a process that starts sagas as it is told, and says how long they took."""
