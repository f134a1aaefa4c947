"""An app such as a user of the engine writes: two sagas, and a function for each step, which writes one row."""
