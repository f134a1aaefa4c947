"""Registers shipping with Django."""

from __future__ import annotations

from django.apps import AppConfig


class ShippingConfig(AppConfig):
    """Shipping."""

    name = "shipping"
    verbose_name = "Shipping"
