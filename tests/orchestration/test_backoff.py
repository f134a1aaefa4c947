"""A provider that is away for long: everybody waits longer and longer, and nobody comes back together with the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random
from statistics import quantiles
from typing import Any

import pytest

from orchestration.core.definition import policy
from orchestration.core.definition.policy import AFTER_PIVOT, FORWARD, SETTLE, UNDO, RetryPolicy
from orchestration.errors import StepRetryable
from orchestration.models import Incident, SagaEvent, SagaStep
from orchestration.testing import SagaRun
from tests.orchestration import poison, sample
from tests.orchestration.sample import TripInput, trip

TEN_MINUTES = 600.0
MANY = 2000


def _come_back(policy: RetryPolicy, random: Random, *, asked: float | None = None) -> tuple[float, int]:
    """When a saga that failed at 0 tries again for the first time after ten minutes, and how often it has tried till then."""
    now, attempts = 0.0, 1
    while now < TEN_MINUTES:
        now += policy.delay(ended_attempts=attempts, asked=asked, random=random)
        attempts += 1
    return now, attempts - 1


def _busiest_second(times: list[float]) -> int:
    return max(Counter(int(time) for time in times).values())


@pytest.mark.parametrize("patient", [AFTER_PIVOT, UNDO, SETTLE], ids=["after pivot", "undo", "settle"])
def test_after_ten_minutes_thousands_come_back_one_by_one(patient: RetryPolicy) -> None:
    random = Random(64)
    came = [_come_back(patient, random) for _ in range(MANY)]
    times = [time for time, _ in came]
    # Evenly over the longest delay it would be so many; with full jitter the beginning is denser.
    evenly = MANY / patient.longest
    assert _busiest_second(times) < 4 * evenly
    assert max(times) <= TEN_MINUTES + patient.longest
    assert max(attempts for _, attempts in came) < 40


def test_what_a_provider_asks_of_everybody_is_kept_to_and_spread() -> None:
    random = Random(64)
    for asked in (1.0, 20.0, 60.0):
        delays = [FORWARD.delay(ended_attempts=1, asked=asked, random=random) for _ in range(MANY)]
        spread = max(0.5, asked / 4)
        assert asked <= min(delays) <= max(delays) <= asked + spread
        quarters = quantiles(delays, n=4)
        for quarter, expected in zip(quarters, (0.25, 0.5, 0.75), strict=True):
            assert quarter == pytest.approx(asked + expected * spread, abs=spread / 10)


@pytest.mark.parametrize(("asked", "least", "most"), [(None, 0.0, 0.5), (20.0, 20.0, 25.0)])
def test_sagas_that_failed_together_are_due_apart(
    asked: float | None, least: float, most: float, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy._SYSTEM_RANDOM.seed(64)

    def away(*_: Any) -> None:
        raise StepRetryable("away", retry_after=asked)

    monkeypatch.setattr(sample.do_charge, "act", away)
    runs = [SagaRun(trip, TripInput(name="Ada")) for _ in range(24)]
    for run in runs:
        run.until(lambda each: each.saga.history.filter(kind="step_retry").exists())
    retries = SagaEvent.objects.filter(kind="step_retry", step="sample.charge")
    delays = [entry.data["delay"] for entry in retries]
    assert len(delays) == len(runs)
    for entry in retries.select_related("saga"):
        row = entry.saga.steps.get(name="sample.charge")
        assert row.due_at is not None
        assert (row.due_at - entry.at).total_seconds() == pytest.approx(entry.data["delay"], abs=1.0)
    assert least <= min(delays)
    assert max(delays) <= most
    width = (most - least) / 4
    assert len({int((delay - least) / width) for delay in delays}) == 4, "each quarter has some"
    assert len(set(delays)) > 20


def _away_for(seconds: float, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Have the deadly step's provider be away until so much time has been waited; returns its calls."""
    calls: list[int] = []

    def act(*_: Any) -> None:
        calls.append(1)
        waited = sum(entry.data["delay"] for entry in SagaEvent.objects.filter(kind="step_retry"))
        if waited < seconds:
            raise StepRetryable("away")

    monkeypatch.setattr(poison.do_swallow, "act", act)
    return calls


def test_past_the_pivot_a_saga_outlasts_ten_minutes_and_a_person_is_told(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy._SYSTEM_RANDOM.seed(64)
    calls = _away_for(TEN_MINUTES, monkeypatch)
    run = SagaRun(poison.past_pivot, poison.Pill()).until_rest()
    assert run.state == "completed"
    assert 6 < len(calls) < 30
    told = Incident.objects.get(saga_id=run.id)
    assert (told.kind, told.step, told.resolution) == (
        "step_struggles",
        "poison.swallow",
        "It worked at last.",
    )


def test_before_the_pivot_a_saga_is_given_up_after_five_attempts_and_undone(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = _away_for(TEN_MINUTES, monkeypatch)
    run = SagaRun(poison.before_pivot, poison.Pill()).until_rest()
    assert (run.state, run.undone, len(calls)) == ("compensated", ["poison.prepare"], 5)


def _carry(run: SagaRun, until: Callable[[], bool]) -> None:
    """Let it run, with most of a minute between two attempts, as where many wait for the same provider."""
    for _ in range(100):
        if until():
            return
        if not run.carry_one():
            run.skip(45)
    raise AssertionError("it never gets there")


@pytest.mark.django_db
@pytest.mark.parametrize("answers", [True, False])
def test_silence_is_told_of_after_two_minutes_however_few_the_attempts_and_closes(
    monkeypatch: pytest.MonkeyPatch, answers: bool
) -> None:
    act = sample.do_charge.act

    def silent(command: Any, context: Any) -> Any:
        raise StepRetryable("no answer")

    monkeypatch.setattr(sample.do_charge, "act", silent)
    run = SagaRun(trip, TripInput(name="Ada"))
    _carry(run, lambda: bool(run.incidents))
    [incident] = run.incidents
    row = SagaStep.objects.get(saga=run.id, name="sample.charge")
    assert (incident.kind, incident.step, row.attempts < 5) == ("cannot_reach", "sample.charge", True)
    if answers:
        monkeypatch.setattr(sample.do_charge, "act", act)
    assert run.until_rest().state == ("completed" if answers else "compensated")
    assert run.incidents == []
