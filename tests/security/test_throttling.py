"""Limits that hold, by whom they are counted, and a Redis that is away. Counted by the run's real Valkey."""

from __future__ import annotations

import json
import logging
import socket
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
import redis
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from pytest_django import Settings

from config.system.servers.ports import free_port
from orders import throttling
from orders.throttling import admit, forgive, throttled
from tests.bootstrap.running_system import wait_until
from tests.orders.conftest import ORDER, TOKEN

LOGIN = "/admin/login/"


@pytest.fixture(autouse=True)
def limits(settings: Settings) -> Iterator[None]:
    """Throttling is on, with few requests of each kind; nothing counted is left."""
    settings.ORDERLY_THROTTLING = True
    settings.ORDERLY_LIMITS = {
        **dict.fromkeys(settings.ORDERLY_LIMITS, "3/minute"),
        "api-token": "5/minute",
    }
    settings.ORDERLY_LIMITS_PER_ADDRESS = 4
    settings.ORDERLY_API_TOKENS = {"operator": TOKEN}
    yield
    with redis.Redis.from_url(settings.CELERY_RESULT_BACKEND) as counts:
        for key in counts.scan_iter("orderly:limits:*"):
            counts.delete(key)


def someone() -> str:
    return f"somebody {uuid4()}"


def test_a_caller_is_admitted_up_to_the_limit_and_then_told_how_long_to_wait() -> None:
    caller = someone()
    assert [admit("basket", caller) for _ in range(3)] == [0, 0, 0]
    assert 1 <= admit("basket", caller) <= 60
    assert admit("basket", someone()) == 0
    assert admit("cancel-order", caller) == 0


def test_what_was_refused_is_not_counted_so_that_the_wait_ends(settings: Settings) -> None:
    settings.ORDERLY_LIMITS = {"basket": "1/3second"}
    caller = someone()
    began = time.monotonic()
    assert admit("basket", caller) == 0
    while time.monotonic() < began + 2:
        assert admit("basket", caller) > 0 or time.monotonic() > began + 3
    wait_until(lambda: admit("basket", caller) == 0, "the window has passed", 10)


def test_what_was_counted_can_be_forgiven() -> None:
    caller = someone()
    for _ in range(3):
        admit("admin-login", caller)
    assert admit("admin-login", caller) > 0
    forgive("admin-login", caller)
    assert admit("admin-login", caller) == 0


def test_new_principals_for_each_request_gain_little_from_one_address() -> None:
    address = f"192.0.2.{uuid4()}"
    admitted = [admit("place-order", someone(), address=address) for _ in range(13)]
    assert admitted[:12] == [0] * 12
    assert admitted[12] > 0


def test_redis_holds_neither_session_nor_address(settings: Settings) -> None:
    caller = someone()
    admit("basket", caller, address="192.0.2.77")
    with redis.Redis.from_url(settings.CELERY_RESULT_BACKEND, decode_responses=True) as counts:
        keys = list(counts.scan_iter("orderly:limits:*"))
    assert len(keys) == 2
    assert not [key for key in keys if caller in key or "192.0.2" in key]


def a_request(address: str = "192.0.2.1", **fields: str) -> HttpRequest:
    return RequestFactory().post("/somewhere/?page=2", fields, REMOTE_ADDR=address)


@throttled("basket")
def a_view(request: HttpRequest) -> HttpResponse:
    return HttpResponse("done")


@pytest.mark.parametrize(
    ("one", "other", "are_one_caller"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8:1:1::1", "2001:db8:1:1:ffff::2", True),
        ("2001:db8:1:1::1", "2001:db8:1:2::1", False),
        ("::ffff:192.0.2.9", "192.0.2.9", True),
    ],
)
def test_callers_without_a_session_are_told_apart_by_address(
    one: str, other: str, are_one_caller: bool
) -> None:
    for _ in range(3):
        assert a_view(a_request(one)).status_code == 200
    assert a_view(a_request(other)).status_code == (429 if are_one_caller else 200)


def test_the_page_keeps_what_was_entered_and_escapes_it() -> None:
    for _ in range(3):
        a_view(a_request(address="192.0.2.50"))
    response = a_view(a_request(address="192.0.2.50", name='"><script>', csrfmiddlewaretoken="x"))
    assert response.status_code == 429
    assert 1 <= int(response["Retry-After"]) <= 60
    assert response["Cache-Control"] == "no-store"
    page = response.getvalue().decode()
    assert '<input type="hidden" name="name" value="&quot;&gt;&lt;script&gt;">' in page
    assert 'action="/somewhere/?page=2"' in page


def test_reading_is_not_counted() -> None:
    for _ in range(10):
        assert a_view(RequestFactory().get("/", REMOTE_ADDR="192.0.2.60")).status_code == 200


def test_a_made_up_session_cookie_is_no_caller_of_its_own(
    db: None, client: Client, settings: Settings
) -> None:
    settings.ORDERLY_LIMITS_PER_ADDRESS = 1000
    statuses = []
    for _ in range(4):
        client.cookies[settings.SESSION_COOKIE_NAME] = uuid4().hex
        statuses.append(client.post("/basket/add/", {"sku": "NW-11"}, REMOTE_ADDR="192.0.2.61").status_code)
    assert statuses[-1] == 429
    assert 429 not in statuses[:3]


def log_in(client: Client, password: str, **headers: str) -> Any:
    form = {"username": "Operator", "password": password, "next": "/admin/"}
    return client.post(LOGIN, form, REMOTE_ADDR="198.51.100.1", headers=headers)


def test_guessing_a_password_ends_in_429_whatever_forwarded_for_claims(db: None, client: Client) -> None:
    User.objects.create_superuser("Operator", password="right-and-long-enough")
    answers = [log_in(client, f"wrong {n}", X_Forwarded_For=f"203.0.113.{n}") for n in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert int(answers[-1]["Retry-After"]) > 0
    assert "wrong" not in answers[-1].content.decode()
    assert log_in(client, "right-and-long-enough").status_code == 429
    assert client.get(LOGIN).status_code == 200


def test_signing_in_clears_the_count(db: None, client: Client) -> None:
    User.objects.create_superuser("Operator", password="right-and-long-enough")
    for _ in range(3):
        assert log_in(client, "wrong").status_code == 200
        assert log_in(client, "right-and-long-enough").status_code == 302
        client.logout()


def test_who_is_signed_in_may_not_guess_at_another_account(db: None, client: Client) -> None:
    User.objects.create_superuser("Operator", password="right-and-long-enough")
    client.force_login(User.objects.create_user("clerk", is_staff=True))
    assert [log_in(client, "wrong").status_code for _ in range(4)] == [200, 200, 200, 429]


def test_one_name_in_other_characters_is_counted_as_one(db: None, client: Client) -> None:
    names = ["Operator", "ＯPERATOR", "oｐerator", "operatoｒ"]
    answers = [client.post(LOGIN, {"username": name, "password": "wrong"}).status_code for name in names]
    assert answers == [200, 200, 200, 429]


def call_api(client: Client, token: str = "") -> Any:
    headers = {"Idempotency-Key": uuid4().hex} | ({"Authorization": f"Bearer {token}"} if token else {})
    body = json.dumps({**ORDER, "lines": []})
    return client.post(
        "/api/orders", body, content_type="application/json", headers=headers, REMOTE_ADDR="198.51.100.2"
    )


def test_the_api_counts_anonymous_callers_by_address_and_others_by_token(db: None, client: Client) -> None:
    assert [call_api(client).status_code for _ in range(4)] == [400, 400, 400, 429]
    assert [call_api(client, TOKEN).status_code for _ in range(6)] == [400] * 5 + [429]
    refused = call_api(client)
    assert refused["Content-Type"] == "application/problem+json"
    assert 1 <= int(refused["Retry-After"]) <= 60
    assert refused.json()["type"] == "urn:orderly:problem:too-many-requests"


def test_a_redis_that_is_away_admits_everybody_and_is_reported_once(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.ORDERLY_LIMITS_URL = f"redis://:s3cret@127.0.0.1:{free_port()}/0"
    with caplog.at_level(logging.INFO, logger="orders.throttling"):
        assert [admit("basket", "anybody") for _ in range(20)] == [0] * 20
    assert len(caplog.records) == 1
    assert "nothing is throttled" in caplog.text
    assert "s3cret" not in caplog.text


def test_a_redis_that_does_not_answer_is_waited_for_once_and_noticed_when_it_is_back(
    settings: Settings, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttling, "_ANSWERS_WITHIN", 0.25)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.ORDERLY_LIMITS_URL = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        began = time.monotonic()
        assert [admit("basket", "anybody") for _ in range(50)] == [0] * 50
        # Once for one, not fifty times.
        assert time.monotonic() - began < 50 * 0.25
    counts = throttling._Counts(settings.CELERY_RESULT_BACKEND)
    rate = throttling._rate("1/minute")
    with caplog.at_level(logging.INFO, logger="orders.throttling"):
        monkeypatch.setattr(counts, "_asked_again_at", time.monotonic() - 1)
        assert counts.hit(rate, someone()) == 0
    assert "is back" in caplog.text


def test_guesses_at_one_account_are_counted_together_from_however_many_addresses(
    db: None, client: Client, settings: Settings
) -> None:
    settings.ORDERLY_LIMITS = {**settings.ORDERLY_LIMITS, "admin-login-account": "5/minute"}
    User.objects.create_user("ada", password="right-and-long-enough", is_staff=True)

    def guess(number: int, username: str = "ada", words: str = "wrong") -> int:
        form = {"username": username, "password": words}
        return client.post(LOGIN, form, REMOTE_ADDR=f"198.51.100.{number}").status_code

    assert guess(0, words="right-and-long-enough") == 302
    assert [
        guess(number, username) for number, username in enumerate(["ada", " ADA ", "Ada", "\uff41da", "ada"])
    ] == [200] * 5
    assert guess(20) == 429
    assert guess(20, "grace") == 200
