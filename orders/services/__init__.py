"""What can be done with orders: place, cancel, read, import a catalog. The API and the commands call only these."""
