"""The sandbox carrier: somebody else's system, run as a process of its own (`python -m shipping.carrier`).

No Django. It makes labels, keeps its own ledger file, and some seconds after a label it tells the shop by a signed
webhook that the parcel has left, again and again until the shop says that it has heard.
"""
