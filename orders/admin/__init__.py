"""Orders and catalog in the admin: to look at, not to change, but for search words; what changes an order is its saga."""

from __future__ import annotations

from orders.admin import catalog, lines, orders, search_words

__all__ = ["catalog", "lines", "orders", "search_words"]
