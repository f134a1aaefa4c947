"""How the system is installed, started, supervised and stopped on one machine."""
