"""How Django itself writes what people read, by language."""
