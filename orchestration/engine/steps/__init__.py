"""One delivery of a step: the right to act, the attempt, the record, and what follows from a failure."""
