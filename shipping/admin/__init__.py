"""The warehouse in the admin: to look at, and to take a delivery in. Stock moves in steps and by restocks, never by hand."""

from __future__ import annotations

from shipping.admin import orders, stock

__all__ = ["orders", "stock"]
