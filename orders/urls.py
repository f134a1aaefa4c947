"""Addresses of this app for browsers; the API has its own (`orders.api`)."""

from __future__ import annotations

from orders.storefront.urls import urlpatterns

__all__ = ["app_name", "urlpatterns"]

app_name = "orders"
