"""Placing many orders from a file, and following them to their endings. Serves the command `place_orders`."""
