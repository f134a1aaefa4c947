"""What is shown when something is refused or fails: what to do, in the shop's look or as a problem, and nothing of the inside."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError
from django.http import HttpRequest
from django.test import Client
from pytest_django import Settings

from orders.models import Product

INSIDE = (
    "Traceback",
    "psycopg",
    str(settings.BASE_DIR),
    "site-packages",
    "SELECT",
    "secret-detail",
    "DoesNotExist",
)


@pytest.fixture
def browser(db: None) -> Client:
    """A client that gets error pages as a browser does, and has its forms checked."""
    return Client(enforce_csrf_checks=True, raise_request_exception=False)


def assert_says_nothing_of_the_inside(response: Any) -> None:
    body = response.content.decode()
    assert not [word for word in INSIDE if word in body]
    assert response["Cache-Control"] == "no-store"


def test_an_address_that_does_not_exist_leads_back_to_the_shop(browser: Client) -> None:
    response = browser.get("/nothing/here/")
    assert response.status_code == 404
    assert "There is nothing here" in response.content.decode()
    assert_says_nothing_of_the_inside(response)


@pytest.mark.parametrize("path", ["/api/nothing", "/hooks/nothing"])
def test_programs_get_a_problem_for_it(browser: Client, path: str) -> None:
    response = browser.get(path)
    assert (response.status_code, response["Content-Type"]) == (404, "application/problem+json")
    assert response.json()["status"] == 404


def test_a_form_without_a_token_is_refused_with_what_to_do_and_does_nothing(browser: Client) -> None:
    Product.objects.create(sku="NW-11", name="Queso Cabrales", price_minor=2100, currency="USD")
    response = browser.post("/basket/add/", {"sku": "NW-11", "quantity": "1"})
    assert response.status_code == 403
    page = response.content.decode()
    assert "This form has expired" in page
    assert "Go back, reload the page" in page
    # That address takes forms only: opened as a page it would be empty.
    assert 'href="/basket/add/"' not in page
    assert "Queso" not in browser.get("/basket/").content.decode()
    assert_says_nothing_of_the_inside(response)


def break_views(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def broken(self: Any, request: HttpRequest) -> None:
        raise error

    monkeypatch.setattr("django.contrib.messages.middleware.MessageMiddleware.process_request", broken)


def test_an_error_of_ours_shows_a_page_that_needs_nothing(
    browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_views(monkeypatch, RuntimeError("secret-detail"))
    response = browser.get("/")
    assert response.status_code == 500
    assert "An order that was accepted is never lost" in response.content.decode()
    assert_says_nothing_of_the_inside(response)


@pytest.mark.parametrize("path", ["/", "/nothing/here/", "/api/nothing"])
def test_a_database_that_is_away_is_a_503_with_a_time_to_come_back(
    browser: Client, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    break_views(monkeypatch, OperationalError("secret-detail"))
    response = browser.get(path)
    assert (response.status_code, response["Retry-After"]) == (503, "5")
    assert_says_nothing_of_the_inside(response)


def test_a_host_that_is_not_ours_is_a_400(browser: Client) -> None:
    response = browser.get("/", headers={"host": "evil.example"})
    assert response.status_code == 400
    assert "evil.example" not in response.content.decode()
    assert_says_nothing_of_the_inside(response)


@pytest.mark.parametrize("path", ["/", "/checkout/", "/admin/login/", "/api/orders", "/hooks/carrier"])
def test_five_megabytes_are_refused_unread(browser: Client, path: str) -> None:
    response = browser.post(path, b"x" * 5_000_000, content_type="application/json")
    assert response.status_code == 413
    assert "bytes" in response.content.decode()
    assert_says_nothing_of_the_inside(response)


def test_a_form_of_a_thousand_fields_is_refused(client: Client, db: None, settings: Settings) -> None:
    fields = {f"field-{n}": "x" for n in range(settings.DATA_UPLOAD_MAX_NUMBER_FIELDS + 1)}
    response = client.post("/basket/add/", fields)
    assert response.status_code == 400
    assert_says_nothing_of_the_inside(response)


def test_a_length_that_is_no_number_is_a_400(browser: Client) -> None:
    assert browser.generic("POST", "/", CONTENT_LENGTH="-1").status_code == 400


@pytest.mark.parametrize("path", ["/", "/admin/", "/api/orders", "/static/storefront/shop.css", "/nothing"])
def test_trace_is_served_nowhere(browser: Client, path: str) -> None:
    response = browser.trace(path, headers={"cookie": "secret-detail=1"})
    assert response.status_code == 405
    assert "TRACE" not in response["Allow"]
    assert_says_nothing_of_the_inside(response)


def test_an_error_of_the_api_is_a_problem_without_a_trace(
    browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(**_: Any) -> None:
        raise RuntimeError("secret-detail")

    monkeypatch.setattr("orders.api.routes.read_order_in_full", broken)
    response = browser.get("/api/orders/00000000-0000-4000-8000-000000000000")
    assert (response.status_code, response["Content-Type"]) == (500, "application/problem+json")
    assert_says_nothing_of_the_inside(response)
