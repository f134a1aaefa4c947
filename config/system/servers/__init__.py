"""The embedded servers, PostgreSQL and Valkey, run from their wheels: found, made, started, adopted and stopped."""
