"""The rows of a saga: read, locked, and moved with an entry in its history."""
