"""Every kind of row that the admin shows has a page whose links and buttons all say something, and is looked at in a browser."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from orchestration.models import DeadLetter, InboxMessage, Incident, OutboxMessage, Saga
from orders.models import Order, OrderLine, Product, SearchWords
from shipping.models import Stock
from tests.browser.stage import ADMIN_PAGES


class Wordless(HTMLParser):
    """Collects the links and buttons that have neither text nor a label."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._open: list[tuple[str, dict[str, str | None]]] = []
        self._said = ""

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag in ("a", "button"):
            self._open.append((tag, dict(attrs)))
            self._said = ""
        elif tag in ("img", "svg") or dict(attrs).get("aria-label"):
            self._said += str(dict(attrs).get("alt") or dict(attrs).get("aria-label") or "")

    def handle_data(self, data: str) -> None:
        self._said += data.strip()

    def handle_endtag(self, tag: str) -> None:
        if tag in ("a", "button") and self._open and self._open[-1][0] == tag:
            _, attributes = self._open.pop()
            if not (self._said or attributes.get("aria-label") or attributes.get("title")):
                self.found.append(f"{tag} {attributes}")


@pytest.fixture
def rows(db: None) -> list[Any]:
    order = Order.objects.create(
        reference="NW-1",
        content_hash="x",
        email="a@example.com",
        customer_name="Ada",
        customer={},
        ship_to={},
        card="card_ok",
        currency="USD",
        total_minor=100,
        placed_by="test",
    )
    saga = Saga.objects.create(
        definition="orders.fulfil", version=1, fingerprint="x", business_key=str(order.id), input={}
    )
    return [
        order,
        saga,
        OrderLine.objects.create(
            order=order,
            position=1,
            sku="NW-1",
            name="Tea",
            quantity=1,
            unit_price_minor=100,
            line_total_minor=100,
        ),
        Product.objects.create(sku="NW-1", name="Tea", price_minor=100, currency="USD"),
        SearchWords.objects.create(subject="NW-1", words="chai"),
        Stock.objects.create(sku="NW-1", on_hand=1, initial=1),
        Incident.objects.create(saga=saga, kind="step_struggles", step="s", message="m", runbook="r"),
        DeadLetter.objects.create(
            reason="bad_event", task="t", queue="q", detail="d", size=1, excerpt="e", sha256="0" * 64
        ),
        InboxMessage.objects.create(source="s", event_id="1", type="t", key="k", envelope={}),
        OutboxMessage.objects.create(kind="event", payload={}),
    ]


def test_no_link_or_button_of_a_page_is_without_words(rows: list[Any], client: Client) -> None:
    client.force_login(User.objects.create_superuser("root"))
    plain = {}
    for row in rows:
        label = row._meta.label_lower.replace(".", "_")
        for address in (
            reverse(f"admin:{label}_changelist"),
            reverse(f"admin:{label}_change", args=[row.pk]),
        ):
            page = Wordless()
            answer = client.get(address)
            assert answer.status_code == 200
            page.feed(answer.content.decode())
            plain[address] = [each for each in page.found if "x-" not in each and "@click" not in each]
    assert {address: found for address, found in plain.items() if found} == {}


def test_every_kind_of_row_is_looked_at_in_a_browser() -> None:
    registered = {model._meta.label_lower.replace(".", "/") for model in admin.site._registry}
    assert set(ADMIN_PAGES) == registered
