"""The shop in a browser: catalog, basket, checkout, orders. Each page is a module; services do the work."""
