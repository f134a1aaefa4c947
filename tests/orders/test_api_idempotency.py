"""The Idempotency-Key: one order for one key, the same answer to the byte, and nobody else's answer."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import close_old_connections, connection, connections, transaction
from django.test import Client
from pytest_django import Settings

from orchestration.models import Saga
from orders.models import IdempotencyKey, Order, OrderLine
from tests.orders.conftest import TOKEN, Post, nothing_is_stored

BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.mark.django_db
def test_a_repeated_request_gets_the_stored_answer_to_the_byte(
    catalog: None, post: Post, order_json: dict[str, Any]
) -> None:
    first = post(order_json)
    Order.objects.update(customer_name="changed meanwhile")
    second = post(order_json)
    assert first.status_code == second.status_code == 201
    assert first.content == second.content
    assert first["Location"] == second["Location"] == first.json()["href"]
    assert "Idempotent-Replayed" not in first
    assert second["Idempotent-Replayed"] == "true"
    assert Order.objects.count() == Saga.objects.count() == 1


@pytest.mark.django_db
def test_layout_does_not_make_another_request(catalog: None, post: Post, order_json: dict[str, Any]) -> None:
    first = post(order_json)
    backwards = dict(reversed(order_json.items()))
    second = post(raw=json.dumps(backwards, indent=3).encode())
    assert second.content == first.content
    assert second["Idempotent-Replayed"] == "true"


@pytest.mark.django_db
def test_the_quoted_and_the_bare_key_are_one_key(
    catalog: None, post: Post, order_json: dict[str, Any]
) -> None:
    first = post(order_json, key='"a-key"')
    assert post(order_json, key="a-key").content == first.content
    assert IdempotencyKey.objects.get().key == "a-key"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("key", "said"),
    [
        (None, "Send an 'Idempotency-Key' header"),
        ("", "Send an 'Idempotency-Key' header"),
        ("   ", "Send an 'Idempotency-Key' header"),
        ('""', "it is empty"),
        ('"open', "its quotes do not match"),
        ('"a"b"', "its quotes do not match"),
        ("k" * 256, "it has 256 characters and may have 255"),
        ("k" * 10_000, "it has 10000 characters and may have 255"),
        ("clé", "printable ASCII"),
        ("a\tb", "printable ASCII"),
        ("a,b", "send one"),
        ('"a", "b"', "its quotes do not match"),
    ],
)
def test_a_missing_or_unusable_key_is_refused(
    catalog: None, post: Post, order_json: dict[str, Any], key: str | None, said: str
) -> None:
    response = post(order_json, key=key)
    assert response.status_code == 400
    assert said in response.json()["detail"]
    assert nothing_is_stored()


@pytest.mark.django_db
def test_the_longest_key_is_good(catalog: None, post: Post, order_json: dict[str, Any]) -> None:
    assert post(order_json, key="k" * 255).status_code == 201


@pytest.mark.django_db
def test_another_request_under_the_same_key_is_refused(
    catalog: None, post: Post, order_json: dict[str, Any]
) -> None:
    post(order_json)
    order_json["reference"] = "NW-2"
    response = post(order_json)
    assert response.status_code == 422
    assert response.json()["type"] == "urn:orderly:problem:idempotency-key-reused"
    assert "use a new key" in response.json()["detail"]
    assert Order.objects.count() == IdempotencyKey.objects.count() == 1


@pytest.mark.django_db
def test_neither_keys_nor_references_of_different_callers_meet(
    catalog: None, post: Post, order_json: dict[str, Any], settings: Settings
) -> None:
    settings.ORDERLY_API_TOKENS = {"operator": TOKEN, "other": "another-token-for-tests"}
    mine = post(order_json)
    order_json["card"] = "card_other"
    theirs = post(order_json, token="another-token-for-tests")
    assert theirs.status_code == 201
    assert theirs.json()["id"] != mine.json()["id"]
    assert Order.objects.count() == 2


@pytest.mark.django_db
@pytest.mark.parametrize("length", [194, 195, 400])
def test_nor_do_those_of_callers_whose_long_names_begin_alike(
    catalog: None, post: Post, order_json: dict[str, Any], settings: Settings, length: int
) -> None:
    begins = "n" * (length - 1)
    settings.ORDERLY_API_TOKENS = {f"{begins}a": TOKEN, f"{begins}b": "another-token-for-tests"}
    assert post(order_json).status_code == 201
    order_json["card"] = "card_other"
    assert post(order_json, token="another-token-for-tests").status_code == 201
    stored = set(Order.objects.values_list("placed_by", flat=True))
    assert (len(stored), max(map(len, stored)) <= 200) == (2, True)


@pytest.mark.django_db
def test_a_refused_request_is_not_stored_so_the_corrected_one_may_use_its_key(
    catalog: None, post: Post, order_json: dict[str, Any]
) -> None:
    bad = {**order_json, "lines": [{"sku": "NOPE", "quantity": 1}]}
    assert post(bad).status_code == 400
    assert nothing_is_stored()
    assert post(order_json).status_code == 201


@pytest.mark.django_db
def test_the_same_reference_and_content_is_the_same_order_under_any_key(
    catalog: None, post: Post, order_json: dict[str, Any]
) -> None:
    first, second = post(order_json, key="one"), post(order_json, key="two")
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json() == first.json()
    assert Order.objects.count() == Saga.objects.count() == 1


@pytest.mark.django_db
def test_a_reference_with_other_content_is_a_conflict(
    catalog: None, post: Post, order_json: dict[str, Any]
) -> None:
    post(order_json, key="one")
    order_json["lines"][0]["quantity"] += 1
    response = post(order_json, key="two")
    assert response.status_code == 409
    assert "'NW-1' belongs to an order with other content" in response.json()["detail"]
    assert Order.objects.count() == IdempotencyKey.objects.count() == 1


@pytest.mark.django_db
def test_without_a_reference_each_key_makes_an_order_of_its_own(
    catalog: None, post: Post, order_json: dict[str, Any]
) -> None:
    del order_json["reference"]
    references = {post(order_json, key=f"key-{n}").json()["reference"] for n in range(3)}
    assert len(references) == 3
    assert all(reference.startswith("OR-") and len(reference) == 11 for reference in references)


@pytest.mark.django_db
def test_a_failure_in_the_middle_leaves_nothing_and_the_retry_succeeds(
    catalog: None, post: Post, order_json: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("secret detail of our insides")

    with monkeypatch.context() as patch:
        patch.setattr("orders.services.placing.start_saga", break_down)
        response = post(order_json)
    assert response.status_code == 500
    assert "secret" not in response.content.decode()
    assert nothing_is_stored()
    assert post(order_json).status_code == 201


@pytest.mark.django_db(transaction=True)
def test_a_request_under_way_makes_the_second_one_a_conflict(
    catalog: None, post: Post, order_json: dict[str, Any]
) -> None:
    holding, may_end = threading.Event(), threading.Event()
    digest = hashlib.sha256(json.dumps(["token:operator", "key-1"]).encode()).digest()

    def hold_the_key() -> None:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                number = int.from_bytes(digest[:8], "big", signed=True)
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [number])
                holding.set()
                may_end.wait(10)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(hold_the_key)
        assert holding.wait(10)
        response = post(order_json)
        may_end.set()
        held.result(10)
    assert response.status_code == 409
    assert response.json()["type"] == "urn:orderly:problem:idempotency-key-in-use"
    assert response["Retry-After"] == "1"
    assert nothing_is_stored()
    # The lock went with its transaction: nothing has to time out first.
    assert post(order_json).status_code == 201


@pytest.mark.django_db(transaction=True)
def test_twenty_at_once_with_one_key_make_one_order(catalog: None, order_json: dict[str, Any]) -> None:
    start = threading.Barrier(20)
    body = json.dumps(order_json)

    def send(_: int) -> tuple[int, bytes, bool]:
        try:
            start.wait(10)
            response = Client().post(
                "/api/orders",
                body,
                content_type="application/json",
                headers=BEARER | {"Idempotency-Key": "one"},
            )
            return response.status_code, response.content, "Idempotent-Replayed" in response
        finally:
            close_old_connections()
            connections.close_all()

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(send, range(20)))
    statuses = Counter(status for status, _, _ in answers)
    assert set(statuses) <= {201, 409}
    assert [replayed for status, _, replayed in answers if status == 201].count(False) == 1
    assert len({content for status, content, _ in answers if status == 201}) == 1
    assert Order.objects.count() == Saga.objects.count() == IdempotencyKey.objects.count() == 1
    assert OrderLine.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_twenty_at_once_with_one_reference_and_many_keys_make_one_order(
    catalog: None, order_json: dict[str, Any]
) -> None:
    start = threading.Barrier(20)
    body = json.dumps(order_json)

    def send(number: int) -> tuple[int, str]:
        try:
            start.wait(10)
            response = Client().post(
                "/api/orders",
                body,
                content_type="application/json",
                headers=BEARER | {"Idempotency-Key": str(number)},
            )
            return response.status_code, response.json()["id"]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(send, range(20)))
    assert Counter(status for status, _ in answers) == {201: 1, 200: 19}
    assert len({order_id for _, order_id in answers}) == 1
    assert Order.objects.count() == Saga.objects.count() == 1


UUID_KEY = "5f0c1de0-6ad2-4f0c-9a53-1c2f3b7a9d10"


@pytest.mark.django_db
def test_an_anonymous_callers_key_alone_decides_from_whatever_address(
    catalog: None, client: Client, order_json: dict[str, Any]
) -> None:
    def send(address: str, **changes: Any) -> Any:
        return client.post(
            "/api/orders", {**order_json, **changes}, content_type="application/json", REMOTE_ADDR=address,
            headers={"Idempotency-Key": UUID_KEY},
        )  # fmt: skip

    first, again = send("192.0.2.1"), send("198.51.100.1")
    assert (first.status_code, again.content) == (201, first.content)
    assert send("192.0.2.1", card="card_other").status_code == 422
    assert Order.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["1", "order-1", "k" * 31, '"' + "k" * 31 + '"'])
def test_an_anonymous_callers_key_is_as_long_as_a_uuid(
    catalog: None, post: Post, order_json: dict[str, Any], key: str
) -> None:
    response = post(order_json, key=key, token="")
    assert (response.status_code, "make a UUID" in response.json()["detail"]) == (400, True)
    assert nothing_is_stored()


@pytest.mark.django_db
def test_nobody_can_take_anothers_reference(catalog: None, post: Post, order_json: dict[str, Any]) -> None:
    squatted = [post(order_json, key=f"{number}".ljust(36, "x"), token="") for number in range(2)]
    order_json["card"] = "card_other"
    mine = post(order_json)
    assert [response.status_code for response in (*squatted, mine)] == [201, 201, 201]
    assert Order.objects.filter(reference="NW-1").count() == 3
