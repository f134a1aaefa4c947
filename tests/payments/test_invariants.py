"""Each invariant of payments, true first and then broken by hand: it must name what is wrong."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from orchestration import StepContext
from payments import contracts, invariants, tasks
from payments.gateway import gateway
from payments.models import Payment
from payments.sandbox.ledger import Ledger

pytestmark = pytest.mark.django_db

ALL = (
    invariants.ledger_is_there,
    invariants.one_effect_per_key,
    invariants.sums_in_order,
    invariants.rows_agree_with_ledger,
)


@pytest.fixture
def ledger(settings: Any, tmp_path: Path) -> Iterator[Path]:
    """A gateway in memory whose ledger is a file after all, for invariants to read."""
    path = tmp_path / "ledger.sqlite3"
    settings.PAYMENTS_GATEWAY = "payments.gateway_memory.InMemoryGateway"
    settings.PAYMENTS_GATEWAY_LEDGER = path
    opened = Ledger(path)
    gateway()._bank.ledger = opened  # type: ignore[attr-defined]
    yield path
    opened.close()


@pytest.fixture
def order_id(ledger: Path, context: Callable[..., StepContext]) -> str:
    """An order that was paid and given back, with all that belongs to it."""
    order_id = uuid4()
    authorize = contracts.AuthorizePayment(
        order_id=order_id, amount_minor=500, currency="USD", card="card_ok"
    )
    held = tasks.authorize(authorize, context())
    tasks.save_authorization(authorize, held, context())
    capture = contracts.CapturePayment(
        order_id=order_id, authorization_id=held.authorization_id, amount_minor=500, currency="USD"
    )
    taken = tasks.capture(capture, context())
    tasks.save_capture(capture, taken, context())
    refund = contracts.RefundPayment(
        order_id=order_id, capture_id=taken.capture_id, amount_minor=500, currency="USD"
    )
    given_back = tasks.refund(refund, context())
    tasks.save_refund(refund, given_back, context())
    return str(order_id)


def break_ledger(path: Path, *statements: str) -> None:
    """Change the ledger in spite of its guards, as a bug or a bad disk would."""
    with closing(sqlite3.connect(path, isolation_level=None)) as opened:
        found = opened.execute(
            "SELECT type, name FROM sqlite_master WHERE type IN ('trigger', 'index')"
        ).fetchall()
        for kind, name in found:
            if not name.startswith("sqlite_autoindex"):
                opened.execute(f"DROP {kind} {name}")
        for statement in statements:
            opened.execute(statement)


def test_an_order_in_order_breaks_nothing(order_id: str) -> None:
    for invariant in ALL:
        finding = invariant()
        assert finding.checked > 0
        assert finding.violations == []


def test_no_payments_and_no_ledger_is_in_order(settings: Any, tmp_path: Path) -> None:
    settings.PAYMENTS_GATEWAY_LEDGER = tmp_path / "none.sqlite3"
    assert [invariant().violations for invariant in ALL] == [[], [], [], []]


def test_payments_without_a_ledger_are_named(order_id: str, ledger: Path) -> None:
    ledger.unlink()
    (violation,) = invariants.ledger_is_there().violations
    assert "1 payments, but no ledger at" in violation


def test_a_second_effect_under_one_key_is_named(order_id: str, ledger: Path) -> None:
    copy = "CREATE TABLE copy AS SELECT * FROM effects"
    again = "INSERT INTO copy SELECT 'again', 99, at, idempotency_key, kind, order_id, authorization_id, capture_id,"
    again += " amount_minor, currency, card, expires_at FROM effects WHERE kind = 'refund'"
    break_ledger(ledger, copy, again, "DROP TABLE effects", "ALTER TABLE copy RENAME TO effects")
    (violation,) = invariants.one_effect_per_key().violations
    assert "2 effects" in violation


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE effects SET amount_minor = 501 WHERE kind = 'refund'", "captured 500, refunded 501"),
        ("UPDATE effects SET amount_minor = 501 WHERE kind = 'capture'", "held 500, captured 501"),
        ("UPDATE effects SET currency = 'EUR' WHERE kind = 'capture'", "several currencies: EUR, USD"),
        ("UPDATE effects SET kind = 'capture' WHERE kind = 'refund'", "2 captures"),
    ],
)
def test_sums_out_of_order_are_named(order_id: str, ledger: Path, statement: str, words: str) -> None:
    break_ledger(ledger, statement)
    violations = invariants.sums_in_order().violations
    assert violations
    assert any(order_id in violation and words in violation for violation in violations)


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        (
            "DELETE FROM effects WHERE kind = 'refund'",
            "row says captured 500, refunded 500; ledger says 500, 0",
        ),
        ("DELETE FROM effects WHERE kind = 'authorization'", "is not in the ledger"),
        ("UPDATE effects SET id = 'other' WHERE kind = 'capture'", "of the row is not in the ledger"),
        ("UPDATE effects SET currency = 'EUR'", "row is in USD"),
        (
            "UPDATE effects SET kind = 'void' WHERE kind = 'refund'",
            "the gateway has voided the authorization",
        ),
    ],
)
def test_a_row_that_disagrees_with_the_ledger_is_named(
    order_id: str, ledger: Path, statement: str, words: str
) -> None:
    break_ledger(ledger, statement)
    violations = invariants.rows_agree_with_ledger().violations
    assert any(order_id in violation and words in violation for violation in violations)


def test_an_effect_without_a_row_is_named(order_id: str) -> None:
    Payment.objects.all().delete()
    assert invariants.rows_agree_with_ledger().violations == [
        f"order {order_id}: 3 effects at the gateway, no row"
    ]


def test_a_row_voided_without_a_void_is_named(ledger: Path, context: Callable[..., StepContext]) -> None:
    order_id = uuid4()
    command = contracts.AuthorizePayment(order_id=order_id, amount_minor=500, currency="USD", card="card_ok")
    tasks.save_authorization(command, tasks.authorize(command, context()), context())
    Payment.objects.update(state="voided")
    assert invariants.rows_agree_with_ledger().violations == [
        f"order {order_id}: row says voided, the gateway has not voided the authorization"
    ]


def test_an_order_under_way_may_differ(order_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Payment.objects.all().delete()
    monkeypatch.setattr(invariants, "open_business_keys", lambda: {order_id})
    assert invariants.rows_agree_with_ledger().violations == []
