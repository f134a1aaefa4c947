"""Bad input over HTTP: each is refused with its field and what to do, and nothing is stored."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.test import Client

from orders.models import Order, OrderLine, Product
from tests.orders.conftest import Post, nothing_is_stored

pytestmark = pytest.mark.django_db


def problems_of(response: Any) -> dict[str, str]:
    assert response["Content-Type"] == "application/problem+json"
    return {error["field"]: error["message"] for error in response.json()["errors"]}


LINE = {"sku": "NW-11", "quantity": 1}


@pytest.mark.parametrize(
    "quantity", [0, -1, 10_001, 10**30, True, False, 1.0, 1.5, "3", None, [], {}], ids=lambda q: repr(q)
)
def test_a_quantity_is_a_whole_number_from_1_to_10000(
    catalog: None, post: Post, order_json: dict[str, Any], quantity: Any
) -> None:
    order_json["lines"][1]["quantity"] = quantity
    response = post(order_json)
    assert response.status_code == 400
    assert problems_of(response) == {
        "lines[1].quantity": "must be a whole number from 1 to 10000, written without quotes or decimals"
    }
    assert nothing_is_stored()


def test_an_only_line_that_is_wrong_is_one_problem_and_not_also_too_few_lines(
    catalog: None, post: Post, order_json: dict[str, Any]
) -> None:
    order_json["lines"] = [{"sku": "NW-11", "quantity": True}]
    assert set(problems_of(post(order_json))) == {"lines[0].quantity"}
    assert nothing_is_stored()


@pytest.mark.parametrize("quantity", [1, 10_000])
def test_the_bounds_themselves_are_good(
    catalog: None, post: Post, order_json: dict[str, Any], quantity: int
) -> None:
    order_json["lines"] = [{"sku": "NW-11", "quantity": quantity}]
    assert post(order_json).status_code == 201
    assert OrderLine.objects.get().quantity == quantity


@pytest.mark.parametrize(
    ("change", "field", "said"),
    [
        ({"lines": []}, "lines", "must be a list of 1 to 100 lines"),
        ({"lines": [LINE] * 101}, "lines", "must be a list of 1 to 100 lines"),
        ({"lines": LINE}, "lines", "must be a list of 1 to 100 lines"),
        ({"lines": [3]}, "lines[0]", "must be an object with sku and quantity"),
        ({"lines": [{"quantity": 1}]}, "lines[0].sku", "is missing; it must be the SKU"),
        ({"lines": [{"sku": "NW-11"}]}, "lines[0].quantity", "is missing; it must be a whole number"),
        ({"lines": [{**LINE, "sku": "NOPE"}]}, "lines[0].sku", "no product has the SKU 'NOPE'"),
        ({"lines": [{**LINE, "sku": 11}]}, "lines[0].sku", "must be the SKU of a product"),
        ({"lines": [{**LINE, "discount": 1}]}, "lines[0].discount", "is not a field of this request"),
        (
            {"lines": [{**LINE, "line_total": 1, "nope": 1}]},
            "lines[0].nope",
            "is not a field of this request",
        ),
        ({"status": "shipped"}, "status", "is not a field of this request"),
        ({"user": 1}, "user", "is not a field of this request"),
        ({"customer": None}, "customer", "must be an object with name and email"),
        ({"customer": {"name": "A"}}, "customer.email", "is missing; it must be an e-mail address"),
        (
            {"customer": {"name": "A", "email": "not-an-address"}},
            "customer.email",
            "must be an e-mail address",
        ),
        (
            {"customer": {"name": "A", "email": "a@b.example\nBcc: x@y.example"}},
            "customer.email",
            "must be an e-mail",
        ),
        (
            {"customer": {"name": "A", "email": "a" * 250 + "@example.com"}},
            "customer.email",
            "must be an e-mail",
        ),
        ({"customer": {"name": " ", "email": "a@example.com"}}, "customer.name", "must be text of 1 to 200"),
        (
            {"customer": {"name": "a\0b", "email": "a@example.com"}},
            "customer.name",
            "without control characters",
        ),
        (
            {"customer": {"name": "x" * 201, "email": "a@example.com"}},
            "customer.name",
            "must be text of 1 to 200",
        ),
        ({"ship_to": {"name": "A"}}, "ship_to.line1", "is missing"),
        ({"reference": ""}, "reference", "must be 1 to 64 letters, digits"),
        ({"reference": "a b"}, "reference", "must be 1 to 64 letters, digits"),
        ({"reference": "x" * 65}, "reference", "must be 1 to 64 letters, digits"),
        ({"reference": "NW-1\n"}, "reference", "must be 1 to 64 letters, digits"),
        ({"card": "4242424242424242"}, "card", "never send a card number"),
        ({"card": "4242 4242 4242 4242"}, "card", "never send a card number"),
        ({"card": None}, "card", "must be the payment provider's token"),
        ({"currency": "EUR"}, "currency", "these products are sold in USD"),
        ({"currency": "usd"}, "currency", "must be a currency code"),
        ({"carrier": "x" * 101}, "carrier", "must be text of at most 100"),
        ({"required_by": "soon"}, "required_by", "must be a date"),
    ],
)
def test_each_bad_field_is_named_and_nothing_is_stored(
    catalog: None, post: Post, order_json: dict[str, Any], change: dict[str, Any], field: str, said: str
) -> None:
    response = post({**order_json, **change})
    assert response.status_code == 400
    assert said in problems_of(response)[field]
    assert field in response.json()["detail"] or len(response.json()["errors"]) > 5
    assert "4242" not in response.content.decode()
    assert nothing_is_stored()


def test_every_fault_of_a_request_is_told_at_once(catalog: None, post: Post) -> None:
    assert set(problems_of(post({"nope": 1}))) == {"nope", "customer", "ship_to", "card", "lines"}


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"{", "is not JSON"),
        (b'{"a": NaN}', "has NaN"),
        (b'{"a": -Infinity}', "has -Infinity"),
        (b'{"a": 1e999}', "too large"),
        (b'{"a": ' + b"9" * 5000 + b"}", "too many digits"),
        (b'{"card": "card_ok", "card": "card_ok"}', "gives a field twice"),
        (b'{"lines": [{"sku": "a", "sku": "b"}]}', "gives a field twice"),
        (b'{"a": "\xff"}', "not text in UTF-8"),
        (b'{"a": "\\ud800"}', "not text in UTF-8"),
        (b'{"\\udfff": 1}', "not text in UTF-8"),
        (b"[" * 30_000 + b"]" * 30_000, "nested more than 16 levels"),
        (b'{"a":' * 20 + b"1" + b"}" * 20, "nested more than 16 levels"),
    ],
    ids=lambda value: str(value[:20]),
)
def test_json_that_is_none_is_refused(db: None, post: Post, raw: bytes, said: str) -> None:
    response = post(raw=raw)
    assert response.status_code == 400
    assert response.json()["type"] == "urn:orderly:problem:malformed-json"
    assert said in response.json()["detail"]
    assert nothing_is_stored()


@pytest.mark.parametrize("raw", [b"", b"[]", b"5", b"null", b'"text"'])
def test_json_that_is_no_object_is_refused(db: None, post: Post, raw: bytes) -> None:
    response = post(raw=raw)
    assert response.status_code == 400
    assert "must be a JSON object" in response.json()["detail"]


def test_a_body_beyond_64_kib_is_refused_unread(db: None, post: Post) -> None:
    response = post(raw=b" " * (64 * 1024 + 1))
    assert response.status_code == 413
    assert "65536 bytes" in response.json()["detail"]


def test_another_type_of_content_is_refused(client: Client) -> None:
    response = client.post("/api/orders", {"a": "b"}, headers={"Idempotency-Key": "k"})
    assert response.status_code == 415
    assert "application/json" in response.json()["detail"]


def test_the_price_is_ours_whatever_the_client_says(
    catalog: None, post: Post, order_json: dict[str, Any]
) -> None:
    honest = 12 * 2100 + 10 * 1411
    for line in order_json["lines"]:
        line.update(price=1, unit_price="0.01", unit_price_minor=-5, line_total=None, line_total_minor=1e9)
    order_json.update(total=0, total_minor=1, price={"free": True})
    response = post(order_json)
    assert response.status_code == 201
    assert response.json()["total_minor"] == honest
    order = Order.objects.get()
    assert order.total_minor == honest == sum(line.line_total_minor for line in order.lines.all())
    saga_input = _saga_input(order)
    assert saga_input["amount_minor"] == honest


def test_a_third_of_a_cent_is_never_made(catalog: None, post: Post, order_json: dict[str, Any]) -> None:
    Product.objects.create(sku="THIRD", name="Third", price_minor=3333, currency="USD")
    order_json["lines"] = [{"sku": "THIRD", "quantity": 1}] * 3
    assert post(order_json).json()["total_minor"] == 9999


def test_products_of_two_currencies_are_not_added_up(
    catalog: None, post: Post, order_json: dict[str, Any]
) -> None:
    Product.objects.create(sku="EURO", name="Euro", price_minor=1, currency="EUR")
    order_json["lines"].append({"sku": "EURO", "quantity": 1})
    assert "EUR, USD" in problems_of(post(order_json))["lines"]
    assert nothing_is_stored()


def test_an_order_that_costs_nothing_is_refused(
    catalog: None, post: Post, order_json: dict[str, Any]
) -> None:
    Product.objects.create(sku="FREE", name="Free", price_minor=0, currency="USD")
    order_json["lines"] = [{"sku": "FREE", "quantity": 3}]
    assert "there must be something to pay" in problems_of(post(order_json))["lines"]
    assert nothing_is_stored()


def test_a_discontinued_product_may_be_ordered_because_the_saga_decides(
    catalog: None, post: Post, order_json: dict[str, Any]
) -> None:
    order_json["lines"] = [{"sku": "NW-05", "quantity": 1}]
    assert post(order_json).status_code == 201


def test_hostile_text_is_kept_as_text(
    catalog: None, post: Post, order_json: dict[str, Any], client: Client
) -> None:
    text = "Robert'); DROP TABLE orders_order;-- <script>alert(1)</script> Ω 漢"
    order_json["customer"]["name"] = text
    placed = post(order_json).json()
    answer = client.get(placed["href"])
    assert json.loads(answer.content)["customer_name"] == text
    assert answer["Content-Type"].startswith("application/json")


def _saga_input(order: Order) -> dict[str, Any]:
    from orchestration.models import Saga

    found = Saga.objects.get(definition="orders.fulfil", business_key=str(order.id)).input
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"lines": [{}] * 15_000}, "lines"),
        ({"lines": [[]] * 101}, "lines"),
        ({"lines": [{"sku": "NW-11", "quantity": 1}] * 101}, "lines"),
    ],
)
def test_a_list_that_is_too_long_is_one_finding(
    catalog: None, post: Post, order_json: dict[str, Any], changes: dict[str, Any], field: str
) -> None:
    response = post({**order_json, **changes})
    assert (response.status_code, [error["field"] for error in response.json()["errors"]]) == (400, [field])


@pytest.mark.parametrize(
    "changes",
    [
        {"lines": [{}] * 100},
        {"lines": [{f"field {number}": 1 for number in range(900)}]},
        {f"field {number}": 1 for number in range(3_000)},
        {"customer": {"x" * 40 + str(number): 1 for number in range(1_000)}},
        {"lines": [{"sku": f"NO-{number}", "quantity": 1} for number in range(100)]},
    ],
)
def test_however_much_is_wrong_twenty_findings_are_told_and_how_many_more_there_are(
    catalog: None, post: Post, order_json: dict[str, Any], changes: dict[str, Any]
) -> None:
    response = post({**order_json, **changes})
    errors = response.json()["errors"]
    assert (response.status_code, len(errors)) == (400, 21)
    assert re.fullmatch(r"and \d+ more", errors[-1]["message"])
    assert len(response.content) < 8_000
