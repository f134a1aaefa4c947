"""A slow database: whoever is at an external step keeps its lease, and is not thought dead."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest
from django.db import OperationalError, connection
from pytest_django import Settings

from orchestration.engine.messages.transport import use_transport
from orchestration.engine.outbox.sweep import sweep
from orchestration.engine.steps import leases
from orchestration.engine.steps.rights import Right, renew
from orchestration.models import Saga, SagaEvent
from orchestration.testing import SagaRun
from orchestration.testing.transport import HandTransport
from tests.bootstrap.running_system import wait_until
from tests.database.slow_server import slow_server
from tests.orchestration import sample
from tests.orchestration.sample import TripInput, provider, trip

pytestmark = pytest.mark.django_db(transaction=True)

LEASE = 1.5
DELAY = 0.05


@pytest.fixture
def renewals(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> list[bool]:
    """Whether each renewal of a lease succeeded. Leases are short, so that a charge outlasts them."""
    settings.ORCHESTRATION = {**settings.ORCHESTRATION, "LEASE_SECONDS": LEASE, "RESEND_AFTER_SECONDS": 0.1}
    found: list[bool] = []

    def renewing(right: Right, *, lease: float) -> bool:
        found.append(renew(right, lease=lease))
        return found[-1]

    monkeypatch.setattr(leases, "renew", renewing)
    return found


def charge_until(monkeypatch: pytest.MonkeyPatch, over: Any) -> None:
    """Have the charge last until something has happened; others sweep meanwhile, as hearts do."""
    charge = sample.do_charge.act

    def long_charge(command: Any, context: Any) -> Any:
        wait_until(lambda: _swept_by_another(context.saga_id) and over(), "it has lasted long enough", 30)
        return charge(command, context)

    monkeypatch.setattr(sample.do_charge, "act", long_charge)


def _swept_by_another(saga_id: Any) -> bool:
    """A heartbeat looks at the saga now; what it would send lies in a transport of its own."""

    def look() -> None:
        try:
            Saga.objects.filter(id=saga_id).update(wake_at="2020-01-01T00:00:00Z")
            with use_transport(HandTransport()):
                sweep()
        finally:
            connection.close()

    other = threading.Thread(target=look)
    other.start()
    other.join(20)
    return True


def test_a_charge_that_outlasts_its_lease_beside_a_slow_database_is_taken_over_by_nobody(
    renewals: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    enough = 5  # it is renewed three times a lease
    charge_until(monkeypatch, lambda: len(renewals) >= enough)
    run = SagaRun(trip, TripInput(name="Ada")).until(lambda each: "sample.book_seat" in each.done)
    with slow_server(DELAY) as slow:
        run.until(lambda each: "sample.charge" in each.done)
    assert slow.answers > enough
    assert all(renewals)
    assert_never_taken_over(run)


def test_a_lease_that_could_not_be_renewed_once_is_renewed_the_next_time(
    renewals: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    failed: list[Right] = []

    def refused_at_first(right: Right, *, lease: float) -> bool:
        if not failed:
            failed.append(right)
            raise OperationalError("FATAL: sorry, too many clients already")
        renewals.append(renew(right, lease=lease))
        return renewals[-1]

    monkeypatch.setattr(leases, "renew", refused_at_first)
    charge_until(monkeypatch, lambda: len(renewals) >= 4)
    run = SagaRun(trip, TripInput(name="Ada")).until(lambda each: "sample.charge" in each.done)
    assert failed
    assert_never_taken_over(run)


@pytest.mark.parametrize("step", ["do_charge", "do_unregister"])
def test_a_step_that_overruns_its_timeout_keeps_its_lease_and_the_history_names_it(
    renewals: list[bool], monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    participant = getattr(sample, step)
    act, lasted = participant.act, list[int]()

    def long(command: Any, context: Any) -> Any:
        overran = SagaEvent.objects.filter(saga_id=context.saga_id, kind="step_overran")
        wait_until(
            lambda: _swept_by_another(context.saga_id) and _seen_elsewhere(overran) and len(renewals) >= 5,
            "it has lasted long enough",
            30,
        )
        lasted.append(1)
        return act(command, context)

    monkeypatch.setattr(participant, "act", long)
    monkeypatch.setattr(participant, "reference", replace(participant.reference, timeout=0.2))
    faults: dict[str, Any] = {"reject_at": "sample.issue_ticket"} if step == "do_unregister" else {}
    run = SagaRun(trip, TripInput(name="Ada"), **faults).until_rest()
    assert (run.state, lasted) == ("compensated" if faults else "completed", [1])
    entry = run.saga.history.get(kind="step_overran")
    assert (entry.step, entry.data) == (f"sample.{'register' if faults else 'charge'}", {"timeout": 0.2})
    assert run.saga.history.filter(kind__in=["lease_expired", "late_result", "sent_again"]).count() == 0


def _seen_elsewhere(rows: Any) -> bool:
    """Whether there are such rows for everybody, and not only within a transaction of one's own."""
    found: list[bool] = []

    def look() -> None:
        try:
            found.append(rows.exists())
        finally:
            connection.close()

    other = threading.Thread(target=look)
    other.start()
    other.join(20)
    return found == [True]


def assert_never_taken_over(run: SagaRun) -> None:
    step = run.step("sample.charge")
    assert (step.deliveries, step.attempts, step.token) == (1, 1, 1)
    assert run.saga.history.filter(kind__in=["lease_expired", "late_result", "sent_again"]).count() == 0
    assert (provider.count("charge"), provider.calls["charge"]) == (1, 1)
