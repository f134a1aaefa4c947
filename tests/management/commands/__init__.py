"""bench, chaos and crash_matrix."""
