"""Runs the whole system as one command, and tells what runs."""
