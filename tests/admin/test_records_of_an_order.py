"""Every record of an order is found by number and e-mail, tells its order, and leads to all others."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from orchestration.models import Saga
from orders.models import Order
from shipping.models import Reservation

MODELS = {"payment": "payments", "shipment": "shipping", "emailmessage": "notifications"}


def links_of(page: str) -> set[str]:
    """Labels of the links beside a record."""
    row = page.split('class="orchestration-links"')[1].split("</nav>")[0]
    return {part.split("</a>")[0].split(">")[-1] for part in row.split("<a ")[1:]}


@pytest.mark.parametrize("model", MODELS)
def test_a_record_is_found_by_what_people_say(
    operator: Client, order: Order, records: dict[str, int], model: str
) -> None:
    address = reverse(f"admin:{MODELS[model]}_{model}_changelist")
    for text in ("NW-1", "nw-1", order.email, order.email.upper(), str(order.id)):
        assert f"/{records[model]}/change/" in operator.get(address, {"q": text}).content.decode(), text
    for text in ("NW-2", "nobody@example.com", "nonsense"):
        assert f"/{records[model]}/change/" not in operator.get(address, {"q": text}).content.decode(), text


def test_a_saga_is_found_by_its_customers_e_mail(operator: Client, order: Order) -> None:
    address = reverse("admin:orchestration_saga_changelist")
    assert ">NW-1</" in operator.get(address, {"q": order.email.upper()}).content.decode()
    assert ">NW-1</" not in operator.get(address, {"q": "nobody@example.com"}).content.decode()


def test_from_each_record_one_gets_to_all_others(
    operator: Client, order: Order, records: dict[str, int]
) -> None:
    reservation = Reservation.objects.get(order_id=order.id)
    saga = Saga.objects.get(business_key=str(order.id))
    everything = {
        "Saga orders.fulfil": ("orchestration_saga", saga.pk),
        "Order NW-1": ("orders_order", order.pk),
        "Payment": ("payments_payment", records["payment"]),
        "Reservation": ("shipping_reservation", reservation.pk),
        "Shipment": ("shipping_shipment", records["shipment"]),
        "E-mail: backordered": ("notifications_emailmessage", records["emailmessage"]),
    }
    for own, (name, pk) in everything.items():
        page = operator.get(reverse(f"admin:{name}_change", args=[pk])).content.decode()
        assert links_of(page) == everything.keys() - {own}


def test_money_is_shown_as_money_and_an_order_by_its_number(
    operator: Client, order: Order, records: dict[str, int]
) -> None:
    page = operator.get(reverse("admin:payments_payment_changelist")).content.decode()
    assert "252.00 USD" in page
    assert "NW-1" in page
    assert str(order.id) not in page


def test_a_mail_is_shown_in_a_frame_where_nothing_runs(operator: Client, records: dict[str, int]) -> None:
    pk = records["emailmessage"]
    letter = reverse("admin:notifications_emailmessage_letter", args=[pk])
    page = operator.get(reverse("admin:notifications_emailmessage_change", args=[pk])).content.decode()
    assert f'sandbox="" src="{letter}"' in page
    assert "<script>alert(1)" not in page
    assert "It waits &amp; waits" in page
    answer = operator.get(letter)
    policy = answer["Content-Security-Policy"].split("; ")
    assert {"default-src 'none'", "frame-ancestors 'self'", "sandbox"} <= set(policy)
    assert not [part for part in policy if part.startswith("script-src")]
    assert answer["X-Frame-Options"] == "SAMEORIGIN"
    assert "no-store" in answer["Cache-Control"]


def test_a_mail_is_for_those_who_may_see_mails(client: Client, records: dict[str, int]) -> None:
    letter = reverse("admin:notifications_emailmessage_letter", args=[records["emailmessage"]])
    assert client.get(letter).status_code == 302
    client.force_login(User.objects.create_user("clerk", is_staff=True))
    assert client.get(letter).status_code == 403


@pytest.mark.parametrize("model", MODELS)
def test_no_record_is_added_changed_or_deleted_by_hand(
    operator: Client, records: dict[str, int], model: str
) -> None:
    name, pk = f"admin:{MODELS[model]}_{model}", records[model]
    assert operator.get(reverse(f"{name}_add")).status_code == 403
    assert operator.post(reverse(f"{name}_change", args=[pk]), {}).status_code == 403
    assert operator.post(reverse(f"{name}_delete", args=[pk]), {"post": "yes"}).status_code == 403
    assert "Read-only." in operator.get(reverse(f"{name}_change", args=[pk])).content.decode()


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("orders_order", 6),
        ("orders_orderline", 6),
        ("payments_payment", 6),
        ("shipping_reservation", 6),
        ("shipping_shipment", 6),
        ("shipping_stockmovement", 6),
        ("notifications_emailmessage", 6),
    ],
)
def test_a_list_asks_few_questions(operator: Client, records: dict[str, int], name: str, most: int) -> None:
    address = reverse(f"admin:{name}_changelist")
    operator.get(address)
    with CaptureQueriesContext(connection) as seen:
        operator.get(address)
    assert len(seen) <= most, [query["sql"] for query in seen]
