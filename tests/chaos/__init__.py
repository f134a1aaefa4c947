"""The chaos run: a whole system under load, whose processes, broker and database are killed, frozen and cut off by a plan."""
