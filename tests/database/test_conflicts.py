"""Serialization failures and deadlocks: the transaction is begun anew with a fresh read, and no attempt is counted."""

from __future__ import annotations

import threading
from typing import Any
from uuid import UUID

import pytest
from django.db import OperationalError, connection, transaction

from orchestration.engine.database.conflicts import PAUSES, again_after_conflict
from orchestration.models import Saga, SagaStep
from orchestration.testing import SagaRun
from tests.orchestration import sample
from tests.orchestration.paranoid import ConflictingDatabase, ConflictingRun
from tests.orchestration.sample import TripInput, effects, provider, trip

INPUT = TripInput(name="Ada")
pytestmark = pytest.mark.django_db(transaction=True)


class EachOnce(ConflictingDatabase):
    """Each transition gives way the first time that it is written: claim, record, failure, plan, wait, undo."""

    def __init__(self) -> None:
        super().__init__(share=0.0)
        self.met: set[str] = set()
        self._before_commit = 0

    def _write(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        kind = sql.lstrip()[:160]
        # A transaction that gives way more often than it is begun anew is given up, and that is another test.
        self._share = 0.0 if kind in self.met or self._before_commit == len(PAUSES) else 1.0
        if self._share:
            self.met.add(kind)
            self._before_commit += 1
        return super()._write(execute, sql, params, many, context)

    def _perhaps(self, when: str) -> None:
        self._before_commit = 0


class EachOnceRun(ConflictingRun):
    @staticmethod
    def _database() -> ConflictingDatabase:
        return EachOnce()


@pytest.mark.parametrize(
    ("faults", "state"),
    [
        ({}, "completed"),
        ({"reject_at": "sample.confirm"}, "compensated"),
        ({"lose_answer_at": "sample.charge", "reject_at": "sample.book_seat"}, "compensated"),
    ],
)
def test_each_kind_of_write_may_give_way_once_and_nothing_else_is_different(
    faults: dict[str, Any], state: str
) -> None:
    plain = SagaRun(trip, INPUT, **faults).until_rest()
    run = EachOnceRun(trip, INPUT, **faults).until_rest()
    assert run.database.failed["before"] >= 10
    assert (run.state, plain.state, run.incidents) == (state, state, [])
    assert rows_of(run) == rows_of(plain)
    assert kinds_of(run) == kinds_of(plain)
    assert sorted(effects(run.id)) == sorted(effects(plain.id))
    assert provider.count("charge") == provider.calls["charge"]


def rows_of(run: SagaRun) -> list[Any]:
    """Each step's state, and how often it was delivered and answered."""
    rows = SagaStep.objects.filter(saga_id=run.id).order_by("direction", "name")
    return list(rows.values_list("name", "direction", "state", "deliveries", "attempts"))


def kinds_of(run: SagaRun) -> list[str]:
    return sorted(run.saga.history.values_list("kind", flat=True))


def test_a_local_step_that_meets_a_real_deadlock_is_run_again_with_a_fresh_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two transactions lock the same two rows, each in its own order, and the server ends ours."""
    first, second = (SagaRun(trip, INPUT) for _ in range(2))
    run = SagaRun(trip, INPUT).until(lambda each: "sample.charge" in each.done)
    ours_has_one, theirs_has_one = threading.Event(), threading.Event()
    read: list[str] = []

    def confirm(command: Any, context: Any) -> None:
        read.append(Saga.objects.select_for_update().get(id=first.id).milestone)
        ours_has_one.set()
        assert theirs_has_one.wait(20)
        Saga.objects.select_for_update().get(id=second.id)
        sample.effect("confirm", context)

    monkeypatch.setattr(sample.do_confirm, "act", confirm)
    other = threading.Thread(
        target=_lock_the_other_way, args=(second.id, first.id, ours_has_one, theirs_has_one)
    )
    other.start()
    run.until_rest()
    other.join(20)
    assert (run.state, read) == ("completed", ["", "theirs"])
    assert (run.step("sample.confirm").attempts, effects(run.id).count("confirm")) == (1, 1)


def _lock_the_other_way(
    second: UUID, first: UUID, ours_has_one: threading.Event, theirs_has_one: threading.Event
) -> None:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SET LOCAL deadlock_timeout = '60s'"
            )  # so that the server finds ours waiting first
            Saga.objects.select_for_update().get(id=second)
            theirs_has_one.set()
            assert ours_has_one.wait(20)
            Saga.objects.filter(id=first).update(milestone="theirs")
    finally:
        connection.close()


def test_whoever_always_gives_way_stops_after_a_few_times() -> None:
    tried: list[int] = []

    @again_after_conflict
    def give_way() -> None:
        tried.append(1)
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("DO $$ BEGIN RAISE 'injected' USING ERRCODE = '40001'; END $$")

    with pytest.raises(OperationalError, match="injected"):
        give_way()
    assert len(tried) == len(PAUSES) + 1
    with pytest.raises(OperationalError, match="injected"), transaction.atomic():
        give_way()  # only whoever began the whole can begin it anew
    assert len(tried) == len(PAUSES) + 2
