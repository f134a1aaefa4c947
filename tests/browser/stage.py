"""Every page that people see, and how to get there: for the accessibility rules and for the pictures."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Browser, Page, expect

from tests.bootstrap.running_system import manage
from tests.browser.shopping import delivery_field, place_order, put_in_basket

Who = Literal["nobody", "customer", "operator"]


@dataclass(frozen=True, slots=True)
class Sight:
    """One page, perhaps in one of its states."""

    path: str
    """`{shipped}`, `{waiting}`, `{cancelled}` are orders, `{saga}` is the saga of the cancelled one."""
    who: Who = "nobody"
    then: Callable[[Page], None] | None = None
    """What to do on the page before it is looked at."""


def _with_basket(page: Page) -> None:
    put_in_basket(page, "NW-12", 2)
    put_in_basket(page, "NW-31", 1)


def _basket(page: Page) -> None:
    _with_basket(page)
    page.goto("/basket/")


def _checkout(page: Page) -> None:
    _with_basket(page)
    page.goto("/checkout/")


def _checkout_with_errors(page: Page) -> None:
    _checkout(page)
    delivery_field(page, "E-mail").fill("ada at example")
    page.get_by_role("button", name="Place order").click()
    expect(page.get_by_role("alert")).to_be_visible()


def _first_row(page: Page) -> None:
    """The page of the first row of a list; the list itself where it is empty."""
    rows = page.locator("#result_list tbody th a, #result_list tbody td.field-id a")
    if rows.count():
        page.goto(rows.first.get_attribute("href") or "")


ADMIN_PAGES = (
    "auth/group",
    "auth/user",
    "django_celery_results/taskresult",
    "notifications/emailmessage",
    "orchestration/deadletter",
    "orchestration/inboxmessage",
    "orchestration/incident",
    "orchestration/outboxmessage",
    "orchestration/saga",
    "orders/order",
    "orders/orderline",
    "orders/product",
    "orders/searchwords",
    "payments/payment",
    "shipping/reservation",
    "shipping/shipment",
    "shipping/stock",
    "shipping/stockmovement",
)
"""Every kind of row that the admin shows; `tests/admin/test_every_page.py` holds it to what is registered."""

_ROWS_TO_LOOK_AT = """
from orchestration.models import DeadLetter, Incident, Saga
Incident.objects.get_or_create(saga=Saga.objects.first(), kind="step_struggles", step="shown.here", defaults=dict(
    message="A message", runbook="Type `python3 manage.py saga list`.", resolved_by="test", resolution="shown", resolved_at="2026-01-01T00:00:00Z"))
DeadLetter.objects.get_or_create(sha256="0" * 64, defaults=dict(
    reason="bad_event", task="t", queue="q", detail="d", size=1, excerpt="e"))
"""
"""Rows of the kinds that a system in order has none of."""

SIGHTS: Mapping[str, Sight] = {
    "catalog": Sight("/"),
    "catalog-nothing-found": Sight("/?q=nothing+like+it"),
    "product": Sight("/products/NW-12/"),
    "basket-empty": Sight("/basket/"),
    "basket": Sight("/", then=_basket),
    "checkout": Sight("/", then=_checkout),
    "checkout-errors": Sight("/", then=_checkout_with_errors),
    "my-orders-none": Sight("/orders/"),
    "my-orders": Sight("/orders/", "customer"),
    "order-shipped": Sight("/orders/{shipped}/", "customer"),
    "order-waiting": Sight("/orders/{waiting}/", "customer"),
    "order-cancelled": Sight("/orders/{cancelled}/", "customer"),
    "demo": Sight("/demo/"),
    "api-docs": Sight(
        "/api/docs",
        then=lambda page: expect(page.get_by_role("button", name="Expand all").last).to_be_visible(),
    ),
    "admin-login": Sight("/admin/login/"),
    "admin": Sight("/admin/", "operator"),
    "admin-orders": Sight("/admin/orders/order/", "operator"),
    "admin-order": Sight("/admin/orders/order/{cancelled}/change/", "operator"),
    "admin-stock": Sight("/admin/shipping/stock/", "operator"),
    "admin-sagas": Sight("/admin/orchestration/saga/", "operator"),
    "admin-saga": Sight("/admin/orchestration/saga/{saga}/change/", "operator"),
    "admin-restock": Sight("/admin/shipping/stock/restock/", "operator"),
    **{f"admin-{page.replace('/', '-')}-list": Sight(f"/admin/{page}/", "operator") for page in ADMIN_PAGES},
    **{
        f"admin-{page.replace('/', '-')}-row": Sight(f"/admin/{page}/", "operator", then=_first_row)
        for page in ADMIN_PAGES
    },
}


@dataclass(slots=True)
class Stage:
    """An order in each ending, and who may see what."""

    names: dict[str, str]
    cookies: dict[Who, Any]
    """Storage states of browser contexts."""

    def show(self, page: Page, sight: Sight) -> None:
        """Bring a page, whose context has the cookies of `sight.who`, to a sight."""
        page.goto(sight.path.format(**self.names))
        if sight.then is not None:
            sight.then(page)
        page.wait_for_load_state("networkidle")


def set_stage(browser: Browser, *, url: str, folder: Path, every_kind_of_row: bool = True) -> Stage:
    """Place an order for each ending by clicking, wait for it, and sign in to the admin.

    Args:
        browser: any.
        url: of the storefront.
        folder: the system's data.
        every_kind_of_row: also make rows that a system in order has none of.
    """
    customer = browser.new_context(base_url=url)
    page = customer.new_page()
    names = {}
    for ending, (sku, quantity, card, words) in {
        "shipped": ("NW-34", 2, "card_ok", "Shipped"),
        # More than a shelf that was restocked once has: another test may have pressed Restock.
        "waiting": ("NW-31", 30, "card_ok", "Waiting for stock"),
        "cancelled": ("NW-61", 1, "card_capture_declined", "Cancelled"),
    }.items():
        names[ending] = str(place_order(page, sku, quantity, card=card))
        expect(page.get_by_role("main")).to_contain_text(words)
    shown = manage("saga", "show", names["cancelled"], "--json", folder=folder)
    names["saga"] = json.loads(shown.stdout.strip().splitlines()[-1])["id"]
    if every_kind_of_row:
        manage("shell", "-c", _ROWS_TO_LOOK_AT, folder=folder)
    operator = browser.new_context(base_url=url)
    sign_in(operator.new_page(), folder)
    stage = Stage(
        names, {"customer": customer.storage_state(), "operator": operator.storage_state(), "nobody": None}
    )
    customer.close()
    operator.close()
    return stage


def sign_in(page: Page, folder: Path) -> None:
    """Sign in to the admin as `admin`."""
    secrets = json.loads((folder / "secrets.json").read_text())
    page.goto("/admin/login/")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill(secrets["admin_password"])
    page.get_by_role("button", name="Log in").click()
    expect(page).to_have_url(re.compile(r"/admin/$"))
