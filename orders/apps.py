"""The orders app as Django sees it."""

from __future__ import annotations

from django.apps import AppConfig


class OrdersConfig(AppConfig):
    """Catalog, orders, and the sagas that fulfil them."""

    name = "orders"
    verbose_name = "Orders"
    default_auto_field = "django.db.models.BigAutoField"
