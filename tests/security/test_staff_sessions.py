"""Signing in to the admin and out again, in the browser that also shops."""

from __future__ import annotations

import time

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from orders.storefront import customer, session_basket

pytestmark = pytest.mark.django_db
PASSWORD = "right-and-long-enough"


@pytest.fixture
def shopper(client: Client) -> Client:
    """A browser with a basket and a customer's name, in which somebody then signs in to the admin."""
    User.objects.create_superuser("ada", password=PASSWORD)
    client.get("/")
    session = client.session
    session[customer.SESSION_KEY] = "0b5b1f6e-7f3a-4a53-9a3f-6d2c8e1f0a11"
    session[session_basket.SESSION_KEY] = {"NW-1": {"quantity": 2, "seen_minor": 1800}}
    session.save()
    client.cookies[client_cookie()] = session.session_key or ""
    signed_in = client.post("/admin/login/", {"username": "ada", "password": PASSWORD})
    assert signed_in.status_code == 302
    return client


def client_cookie() -> str:
    from django.conf import settings

    return str(settings.SESSION_COOKIE_NAME)


def kept(client: Client) -> tuple[object, object]:
    return client.session.get(customer.SESSION_KEY), client.session.get(session_basket.SESSION_KEY)


def test_signing_out_keeps_the_customers_name_and_basket_and_nothing_of_staff(shopper: Client) -> None:
    before, key = kept(shopper), shopper.session.session_key
    assert all(before)
    shopper.post("/admin/logout/")
    assert kept(shopper) == before
    assert shopper.session.session_key != key
    assert "_auth_user_id" not in shopper.session
    assert shopper.get("/admin/").status_code == 302


def test_staff_are_signed_out_after_hours_and_the_customer_is_not(
    shopper: Client, settings: Settings
) -> None:
    before = kept(shopper)
    assert shopper.get("/admin/").status_code == 200
    session = shopper.session
    session["staff_signed_in_at"] = time.time() - settings.ORDERLY_STAFF_SESSION_SECONDS - 1
    session.save()
    assert shopper.get("/admin/").status_code == 302
    assert kept(shopper) == before


def test_an_address_that_only_takes_a_form_leads_to_the_page_of_the_form(client: Client) -> None:
    for address, page in (("/basket/add/", "/basket/"), ("/basket/change/", "/basket/")):
        assert client.get(address)["Location"] == page
        assert client.put(address).status_code == 405
