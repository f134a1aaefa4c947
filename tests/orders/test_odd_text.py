"""Text that shows something else than it holds, or nothing; numbers that are no dates; cards that are card numbers."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from tests.orders.conftest import TOKEN, Post, nothing_is_stored

UNREADABLE = [
    "Ada \u202eecalevoL",
    "Ada\u200f",
    "\u2066Ada\u2069",
    "\u061cAda",
    "\u200b\u200b",
    "\u200d",
    "\ufeff",
    "\u2060\u00ad",
    "\ue000\ue001",
    "Ada\ue000",
    "\U000f0000",
    "\u0301",
    "A\u2028da",
    "Ada\u0378",
    "\u3000\u200b\u3000",
    # Letters and signs that show nothing.
    *"\u3164\u115f\u1160\uffa0\u2800\U0001d159\u180e\u034f\u17b4\u17b5\ufffc",
    "\u3164 \u2800\u200b\uffa0",
]
READABLE = [
    "Zoë",
    "Ada O\u2019Neil",
    "نوشین\u200cدخت",
    "क्\u200dष",
    "李",
    "\U0001f9d1\u200d\U0001f680",
    "e\u0301",
    "\u1100\u1160\u11a8",
    "\u2801\u2800\u2803",
    "\U0001f44d\ufe0f",
]


@pytest.mark.django_db
@pytest.mark.parametrize("text", UNREADABLE)
def test_text_that_nobody_can_read_is_refused_with_the_name_of_its_field(
    catalog: None, post: Post, order_json: dict[str, Any], text: str
) -> None:
    fields = [
        "customer.name",
        "customer.contact",
        "ship_to.name",
        "ship_to.line1",
        "ship_to.city",
        "ship_to.country",
        "carrier",
    ]
    for field in fields:
        parent, _, name = field.rpartition(".")
        (order_json[parent] if parent else order_json)[name] = text
    order_json["customer"]["email"] = f"ada{text}@example.com"
    response = post(order_json)
    assert response.status_code == 400
    assert {error["field"] for error in response.json()["errors"]} == {*fields, "customer.email"}
    assert nothing_is_stored()


@pytest.mark.django_db
@pytest.mark.parametrize("text", READABLE)
def test_every_script_is_welcome(catalog: None, post: Post, order_json: dict[str, Any], text: str) -> None:
    order_json["customer"]["name"] = text
    assert post(order_json).status_code == 201


@pytest.mark.django_db
@pytest.mark.parametrize(
    "value", [0, 1, -1, 0.0, True, "0", "946684800", "1996-08-01T00:00:00", "1996-8-1", "١٩٩٦-٠٨-٠١", "", []]
)
@pytest.mark.parametrize("field", ["required_by", "placed_at"])
def test_a_date_is_written_as_one(
    catalog: None, post: Post, order_json: dict[str, Any], field: str, value: Any
) -> None:
    response = post({**order_json, field: value})
    assert (response.status_code, response.json()["errors"][0]["field"]) == (400, field)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "card",
    ["tok_4242424242424242", "card_4242_4242_4242_4242", "c4000000000000", "card_ok_378282246310005_x"],
)
def test_a_card_number_is_no_token(catalog: None, post: Post, order_json: dict[str, Any], card: str) -> None:
    response = post({**order_json, "card": card})
    assert (response.status_code, response.json()["errors"][0]["field"]) == (400, "card")
    assert card not in response.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("sent", ["Bearer clé", "Bearer \xff", "", " ", "Bearer", "Basic YTpi", "é"])
def test_who_says_who_he_is_in_vain_is_not_served_as_nobody(
    catalog: None, client: Client, order_json: dict[str, Any], sent: str
) -> None:
    headers = {"Authorization": sent, "Idempotency-Key": "k" * 36}
    response = client.post("/api/orders", order_json, content_type="application/json", headers=headers)
    assert response.status_code == 401
    assert nothing_is_stored()


@pytest.mark.django_db
def test_no_answer_of_the_api_is_kept(
    catalog: None, post: Post, order_json: dict[str, Any], client: Client
) -> None:
    placed = post(order_json)
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    href = placed.json()["href"]
    answers = [
        placed,
        client.get(href, headers=bearer),
        client.get("/api/orders", headers=bearer),
        client.post(f"{href}/cancel", {}, content_type="application/json", headers=bearer),
        client.get(f"{href}0", headers=bearer),
    ]
    assert [answer.status_code for answer in answers] == [201, 200, 200, 202, 400]
    assert {answer["Cache-Control"] for answer in answers} == {"no-store"}


def test_a_checkout_with_an_empty_basket_makes_no_session(
    db: None, client: Client, settings: Settings
) -> None:
    from django.contrib.sessions.models import Session

    for response in (client.get("/checkout/"), client.post("/checkout/", {"checkout_key": "x"})):
        assert (response.status_code, response["Location"]) == (302, "/basket/")
    assert not Session.objects.exists()
    assert not client.cookies.get(settings.SESSION_COOKIE_NAME)
