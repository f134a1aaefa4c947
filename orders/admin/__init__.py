"""Orders and catalog in the admin: to look at, not to change; what changes an order is its saga."""

from __future__ import annotations

from orders.admin import catalog, lines, orders

__all__ = ["catalog", "lines", "orders"]
