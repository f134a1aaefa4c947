"""Breaking rows as no code of ours could: without the triggers that guard them. For the tests of `verify`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from orchestration.models import Saga, SagaEvent, SagaStep
from orchestration.testing import SagaRun
from orchestration.verification import run_invariants


@contextmanager
def by_hand() -> Iterator[None]:
    """Inside, the database's triggers are off. Needs the test's own transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET LOCAL session_replication_role = replica")
        yield
        cursor.execute("SET LOCAL session_replication_role = origin")


def change_saga(run: SagaRun, **values: Any) -> None:
    """Write into the saga's row."""
    with by_hand():
        assert Saga.objects.filter(id=run.id).update(**values)


def change_step(run: SagaRun, name: str, direction: str = "forward", **values: Any) -> None:
    """Write into the row of a step."""
    with by_hand():
        assert SagaStep.objects.filter(saga_id=run.id, name=name, direction=direction).update(**values)


def add_step(run: SagaRun, name: str, direction: str, **values: Any) -> None:
    """Invent a row of a step."""
    SagaStep.objects.create(saga_id=run.id, name=name, direction=direction, state="done", **values)


def lose_step(run: SagaRun, **which: Any) -> None:
    """Delete rows of steps."""
    with by_hand():
        assert SagaStep.objects.filter(saga_id=run.id, **which).delete()[0]


def history(run: SagaRun, **which: Any) -> QuerySet[SagaEvent]:
    """Entries of the saga's history."""
    return SagaEvent.objects.filter(saga_id=run.id, **which)


def add_entry(run: SagaRun, kind: str, **values: Any) -> None:
    """Invent an entry at the end of the history."""
    last = run.saga.last_seq + 1
    change_saga(run, last_seq=last)
    SagaEvent.objects.create(saga_id=run.id, seq=last, kind=kind, **values)


def violations(name: str) -> list[str]:
    """What the engine's check of this name finds."""
    found = {result.name: result.violations for result in run_invariants()}
    return found[f"orchestration: {name}"]
