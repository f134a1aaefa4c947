"""What goes over the wire: pages are packed, and a long list is small."""

from __future__ import annotations

import gzip
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client

from orchestration.models import Saga
from orders.models import Product

PACKED = {"Accept-Encoding": "gzip, br"}


@pytest.fixture
def staff(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("ada", password="right-and-long-enough"))
    return client


def test_a_list_of_the_admin_is_under_thirty_kilobytes(staff: Client) -> None:
    Saga.objects.bulk_create(
        Saga(definition="orders.fulfil", version=1, business_key=str(uuid4()), reference=f"OR-{number}", state="waiting", input={})
        for number in range(60)
    )  # fmt: skip
    response = staff.get("/admin/orchestration/saga/", headers=PACKED)
    assert (response["Content-Encoding"], "Accept-Encoding" in response["Vary"]) == ("gzip", True)
    assert b"OR-59" in gzip.decompress(response.content)
    assert len(response.content) < 30_000


def test_the_catalog_is_under_thirty_kilobytes(db: None, client: Client) -> None:
    Product.objects.bulk_create(
        Product(sku=f"NW-{number}", name=f"Product number {number}", price_minor=100 + number, currency="USD")
        for number in range(100)
    )
    response = client.get("/", headers=PACKED)
    assert response["Content-Encoding"] == "gzip"
    assert len(response.content) < 30_000


def test_files_are_packed_where_nobody_has_packed_them_before(db: None, client: Client) -> None:
    response = client.get("/static/storefront/shop.css", headers=PACKED)
    assert response["Content-Encoding"] == "gzip"
    response.close()


def test_who_takes_nothing_packed_gets_it_plain(db: None, client: Client) -> None:
    assert "Content-Encoding" not in client.get("/")
