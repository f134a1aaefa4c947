"""What every gateway adapter must do: the same tests over the one in memory and the one over HTTP to a real process."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import uuid4

import pytest

from orchestration import OutcomeUnknown, StepRejected
from orchestration.providers import ListsEffects
from orchestration.providers.conformance import EffectConformance
from payments.cards import CARDS
from payments.gateway import Effect, Gateway, ListedEffect


def authorized(
    gateway: Gateway,
    card: str = "card_ok",
    key: str | None = None,
    amount: int = 500,
    order_id: str | None = None,
) -> Effect:
    return gateway.authorize(
        key=key or str(uuid4()),
        order_id=order_id or str(uuid4()),
        amount_minor=amount,
        currency="USD",
        card=card,
    )


def captured(gateway: Gateway, card: str = "card_ok", amount: int = 500) -> Effect:
    held = authorized(gateway, card, amount=amount)
    return gateway.capture(key=str(uuid4()), authorization_id=held.id, amount_minor=amount, currency="USD")


def refund(gateway: Gateway, taken: Effect, amount: int, key: str | None = None) -> Effect:
    return gateway.refund(key=key or str(uuid4()), capture_id=taken.id, amount_minor=amount, currency="USD")


def repeated(gateway: Gateway, key: str, card: str) -> Callable[[], Effect]:
    order_id = str(uuid4())
    return lambda: gateway.authorize(key=key, order_id=order_id, amount_minor=500, currency="USD", card=card)


class TestAuthorization(EffectConformance):
    another = {"amount_minor": 501}
    refusals = {
        code: {"card": card}
        for card, code in (
            ("card_declined", "card_declined"),
            ("card_insufficient_funds", "insufficient_funds"),
            ("4111111111111111", "unknown_card"),
        )
    }
    losing_the_answer = ({"card": "card_charge_then_timeout"}, {"card": "card_error_after_charge"})
    down_for_two_calls = ({"card": "card_server_error"},)

    @pytest.fixture
    def client(self, any_gateway: Gateway) -> Gateway:
        return any_gateway

    def act(self, client: Gateway, key: str, **changes: Any) -> Effect:
        order = {"order_id": key[:36], "amount_minor": 500, "currency": "USD", "card": "card_ok"}
        return client.authorize(key=key, **{**order, **changes})


class TestCapture(EffectConformance):
    another = {"amount_minor": 499}
    refusals = {
        "amount_too_large": {"amount_minor": 501},
        "currency_mismatch": {"currency": "EUR"},
        "card_declined": {"card": "card_capture_declined"},
    }
    losing_the_answer = TestAuthorization.losing_the_answer
    down_for_two_calls = TestAuthorization.down_for_two_calls

    @pytest.fixture
    def client(self, any_gateway: Gateway) -> Gateway:
        return any_gateway

    def act(self, client: Gateway, key: str, **changes: Any) -> Effect:
        held = self._held(client, f"{key[:36]}/hold", changes.pop("card", "card_ok"))
        amount = {"amount_minor": 500, "currency": "USD", **changes}
        return client.capture(key=key, authorization_id=held.id, **amount)

    def _held(self, client: Gateway, key: str, card: str) -> Effect:
        for _ in range(3):
            try:
                return authorized(client, card, key, order_id=key[:36])
            except OutcomeUnknown:
                if found := client.find(key):
                    return found
        raise AssertionError("nothing was held")


def test_money_is_held_then_taken_then_given_back(any_gateway: Gateway) -> None:
    held = authorized(any_gateway)
    assert (held.kind, held.amount_minor, held.currency) == ("authorization", 500, "USD")
    assert any_gateway.authorization_state(held.id) == "authorized"
    taken = any_gateway.capture(key=str(uuid4()), authorization_id=held.id, amount_minor=500, currency="USD")
    assert (taken.kind, taken.authorization_id, taken.order_id) == ("capture", held.id, held.order_id)
    assert any_gateway.authorization_state(held.id) == "captured"
    given_back = refund(any_gateway, taken, 500)
    assert (given_back.kind, given_back.amount_minor) == ("refund", 500)


def test_a_gateway_that_stays_down_never_holds_money(any_gateway: Gateway) -> None:
    key = str(uuid4())
    again = repeated(any_gateway, key, "card_always_error")
    for _ in range(4):
        with pytest.raises(OutcomeUnknown):
            again()
    assert any_gateway.find(key) is None


def test_a_refund_may_be_refused_for_good(any_gateway: Gateway) -> None:
    taken = captured(any_gateway, "card_refund_refused")
    with pytest.raises(StepRejected) as error:
        refund(any_gateway, taken, 500)
    assert error.value.code == "refund_refused"


def test_an_authorization_is_captured_once(any_gateway: Gateway) -> None:
    taken = captured(any_gateway)
    with pytest.raises(StepRejected) as error:
        any_gateway.capture(
            key=str(uuid4()), authorization_id=taken.authorization_id, amount_minor=1, currency="USD"
        )
    assert error.value.code == "already_captured"


def test_refunds_never_exceed_what_was_captured(any_gateway: Gateway) -> None:
    taken = captured(any_gateway)
    refund(any_gateway, taken, 300)
    with pytest.raises(StepRejected) as too_much:
        refund(any_gateway, taken, 201)
    assert too_much.value.code == "amount_too_large"
    refund(any_gateway, taken, 200)
    with pytest.raises(StepRejected) as nothing_left:
        refund(any_gateway, taken, 1)
    assert nothing_left.value.code == "already_refunded"


def test_a_voided_authorization_is_never_captured(any_gateway: Gateway) -> None:
    held = authorized(any_gateway)
    key = str(uuid4())
    first = any_gateway.void(key=key, authorization_id=held.id)
    assert any_gateway.void(key=key, authorization_id=held.id) == first
    with pytest.raises(StepRejected) as error:
        any_gateway.capture(key=str(uuid4()), authorization_id=held.id, amount_minor=500, currency="USD")
    assert error.value.code == "already_voided"


def test_a_void_says_why_there_is_nothing_to_void(any_gateway: Gateway) -> None:
    def refused(authorization_id: str) -> str:
        with pytest.raises(StepRejected) as error:
            any_gateway.void(key=str(uuid4()), authorization_id=authorization_id)
        return error.value.code

    taken = captured(any_gateway)
    assert refused(taken.authorization_id) == "already_captured"
    refund(any_gateway, taken, 500)
    assert refused(taken.authorization_id) == "already_refunded"
    assert refused("auth_none") == "not_found"


def test_an_expired_authorization_is_neither_captured_nor_voided(any_forgetful_gateway: Gateway) -> None:
    held = authorized(any_forgetful_gateway)
    assert any_forgetful_gateway.authorization_state(held.id) == "expired"
    with pytest.raises(StepRejected) as capture:
        any_forgetful_gateway.capture(
            key=str(uuid4()), authorization_id=held.id, amount_minor=500, currency="USD"
        )
    assert capture.value.code == "authorization_expired"
    with pytest.raises(StepRejected) as void:
        any_forgetful_gateway.void(key=str(uuid4()), authorization_id=held.id)
    assert void.value.code == "authorization_expired"


def test_every_card_says_what_it_does() -> None:
    assert set(CARDS) == {
        "card_ok",
        "card_declined",
        "card_insufficient_funds",
        "card_charge_then_timeout",
        "card_server_error",
        "card_error_after_charge",
        "card_always_error",
        "card_slow",
        "card_capture_declined",
        "card_refund_refused",
    }
    assert all(card.sentence.endswith(".") for card in CARDS.values())


def test_what_was_done_is_listed_once_in_order_and_since_a_moment(any_gateway: Gateway) -> None:
    lists = cast("ListsEffects[ListedEffect]", any_gateway)
    key, order_id = str(uuid4()), str(uuid4())
    before = datetime.now(UTC) - timedelta(seconds=1)
    for _ in range(2):
        held = any_gateway.authorize(
            key=key, order_id=order_id, amount_minor=500, currency="JPY", card="card_ok"
        )
    taken = any_gateway.capture(key=f"{key}/2", authorization_id=held.id, amount_minor=300, currency="JPY")
    listed = [each for each in lists.list_effects(before) if each.order_id == order_id]
    assert [(each.id, each.kind, each.amount_minor, each.currency, each.key) for each in listed] == [
        (held.id, "authorization", 500, "JPY", key),
        (taken.id, "capture", 300, "JPY", f"{key}/2"),
    ]
    assert list(lists.list_effects(datetime.now(UTC) + timedelta(hours=1))) == []
