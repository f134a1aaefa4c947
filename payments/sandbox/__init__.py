"""The sandbox payment gateway: somebody else's system, run as a process of its own (`python -m payments.sandbox`).

No Django. It keeps its own ledger file, so that what really happened to the money can be compared with what our
database believes. It listens on loopback and answers only to whoever has its key.
"""
