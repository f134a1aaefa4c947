"""The engine's database: its connection, prepared statements, roles, and what its errors mean."""
