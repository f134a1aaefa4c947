"""The route matrix: what every address answers to strangers and to staff, and the headers it answers with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from orders.throttling import admit
from tests.security.routes import Route, routes

STOREFRONT = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "font-src": "'self'",
    "manifest-src": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
    "object-src": "'none'",
}
ADMIN = STOREFRONT | {
    "script-src": "'self' 'unsafe-eval'",
    "style-src": "'self' 'unsafe-inline'",
    "frame-src": "'self'",
}
API_DOCS = STOREFRONT | {"img-src": "'self' data:"}

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "browsing-topics=(), camera=(), display-capture=(), geolocation=(), microphone=(), "
    "payment=(), usb=()",
}
OPEN_IN_ADMIN = {"admin:login", "admin:flower-access"}
NOTHING_PERSONAL = {
    "orders:catalog",
    "orders:product",
    "admin:jsi18n",
    "admin:password_change",
    "admin:password_change_done",
}
"""But the count of the basket, or the name of who signed in."""


@pytest.fixture(autouse=True)
def demo(settings: Settings, db: None) -> None:
    settings.ORDERLY_DEMO = True


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("ada", password="right-and-long-enough"))
    return client


def everywhere(judge: Callable[[Route], Any]) -> dict[str, Any]:
    """Return what `judge` finds wrong, by address."""
    found = {route.path: judge(route) for route in routes()}
    assert len(found) > 100
    return {path: wrong for path, wrong in found.items() if wrong}


def policy_of(response: Any) -> dict[str, str]:
    parts = (part.strip().partition(" ") for part in response["Content-Security-Policy"].split(";"))
    return {name: value for name, _, value in parts}


def wrong_headers(route: Route, response: Any) -> dict[str, Any]:
    wanted = {"admin": ADMIN, "orders-api:openapi-view": API_DOCS}
    policy = wanted.get(route.name) or wanted.get(route.namespace) or STOREFRONT
    wrong: dict[str, Any] = {
        name: response.get(name) for name, value in HEADERS.items() if response.get(name) != value
    }
    if policy_of(response) != policy:
        wrong["Content-Security-Policy"] = response.get("Content-Security-Policy")
    if response.status_code >= 500:
        wrong["status"] = response.status_code
    return wrong


def test_every_address_answers_strangers_with_every_header(client: Client) -> None:
    assert everywhere(lambda route: wrong_headers(route, client.get(route.path))) == {}


def test_every_address_answers_staff_with_every_header(staff: Client) -> None:
    assert everywhere(lambda route: wrong_headers(route, staff.get(route.path))) == {}


@pytest.mark.parametrize("method", ["TRACE", "PROPFIND"])
def test_no_address_serves_odd_methods(client: Client, method: str) -> None:
    assert everywhere(lambda route: client.generic(method, route.path).status_code != 405) == {}


def test_nothing_in_the_admin_opens_without_signing_in(client: Client) -> None:
    def judge(route: Route) -> Any:
        response = client.get(route.path)
        if not route.name.startswith("admin:") or route.name in OPEN_IN_ADMIN:
            return None
        return (
            None
            if response.status_code == 302 and "/admin/" in response["Location"]
            else response.status_code
        )

    assert everywhere(judge) == {}
    assert client.get("/admin/login/").status_code == 200
    assert client.get("/admin/access/flower/").status_code == 401


def test_nothing_personal_is_kept_by_a_cache(staff: Client) -> None:
    def judge(route: Route) -> Any:
        if route.namespace not in {"orders", "admin"} or route.name in NOTHING_PERSONAL:
            return None
        response = staff.get(route.path)
        # A refused method and the way elsewhere hold nothing of anybody.
        if response.status_code in (302, 405) or "no-store" in response.get("Cache-Control", ""):
            return None
        return (response.status_code, response.get("Cache-Control"))

    assert everywhere(judge) == {}


def test_the_public_catalog_is_kept_by_no_shared_cache(client: Client) -> None:
    assert "private" in client.get("/")["Cache-Control"]


def test_every_form_of_the_shop_is_throttled(client: Client, settings: Settings) -> None:
    settings.ORDERLY_THROTTLING = True
    settings.ORDERLY_LIMITS = dict.fromkeys(settings.ORDERLY_LIMITS, "1/minute")
    for scope in settings.ORDERLY_LIMITS:
        admit(scope, "address 192.0.2.200")

    def judge(route: Route) -> Any:
        if route.namespace != "orders":
            return None
        status = client.post(route.path, REMOTE_ADDR="192.0.2.200").status_code
        # Either it takes no form, or it has had its one.
        return None if status in (405, 429) else status

    wrong = everywhere(judge)
    assert wrong == {}


def test_without_the_demo_its_addresses_do_not_exist(client: Client, settings: Settings) -> None:
    settings.ORDERLY_DEMO = False

    def judge(route: Route) -> Any:
        if not route.name.startswith("orders:demo"):
            return None
        statuses = {client.get(route.path).status_code, client.post(route.path).status_code}
        return statuses - {404, 405}

    assert everywhere(judge) == {}


def test_the_apis_description_is_for_staff_where_it_is_not_public(client: Client, settings: Settings) -> None:
    for path in ("/api/docs", "/api/openapi.json"):
        settings.ORDERLY_API_DOCS_PUBLIC = True
        assert client.get(path).status_code == 200
        settings.ORDERLY_API_DOCS_PUBLIC = False
        response = client.get(path)
        assert (response.status_code, response["Location"]) == (302, f"/admin/login/?next={path}")
    client.force_login(User.objects.create_superuser("ada", password="right-and-long-enough"))
    assert client.get("/api/docs").status_code == 200


def test_the_apis_page_names_no_other_host(client: Client) -> None:
    page = client.get("/api/docs").content.decode()
    assert "//" not in page.replace("http://www.w3.org", "")
    assert '"validatorUrl": null' in page


def test_static_files_have_the_headers_as_well(client: Client) -> None:
    response = client.get("/static/storefront/shop.css")
    response.close()
    assert response.status_code == 200
    assert {name: response.get(name) for name in HEADERS if name != "X-Frame-Options"} == {
        name: value for name, value in HEADERS.items() if name != "X-Frame-Options"
    }
    assert policy_of(response) == STOREFRONT
