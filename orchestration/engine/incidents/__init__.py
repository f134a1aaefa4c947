"""Incidents: opening and closing them, and what people are told to do."""
