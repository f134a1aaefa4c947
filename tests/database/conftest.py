"""The engine's sample saga, and the orders' catalog and clients, for what is tested of the database under both."""

from __future__ import annotations

from tests.orchestration.conftest import _empty_provider, by_worker, django_db_setup
from tests.orders.conftest import catalog, order_json, post, tokens
from tests.orders.storefront.conftest import shelf

__all__ = [
    "_empty_provider",
    "by_worker",
    "catalog",
    "django_db_setup",
    "order_json",
    "post",
    "shelf",
    "tokens",
]
