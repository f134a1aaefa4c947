"""The shipping participant: the warehouse (stock, reservations) and the parcels handed to a carrier."""
