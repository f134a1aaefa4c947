"""Sagas whose steps a worker may do one after the other, and a ledger of what they have written."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Mapping
from contextvars import copy_context
from typing import Any
from uuid import UUID

import pytest
from django.db import OperationalError, connection
from django.db.backends.base.base import BaseDatabaseWrapper

from orchestration import Message, StepContext, external, local, nothing, parallel, saga, step
from orchestration.engine.steps.participants import Participant
from orchestration.participant import performs

_EXECUTED = re.compile(r"EXECUTE orderly_(\w+)_[0-9a-f]{8}\b")


class Ledger(Message):
    """What they are about."""

    name: str


class _Ledger:
    def __init__(self) -> None:
        self._then: dict[str, Callable[[], Any]] = {}

    def clear(self) -> None:
        """Forget what was to happen."""
        self._then.clear()

    def when(self, what: str, then: Callable[[], Any]) -> None:
        """Have something happen while a step acts, in its transaction."""
        self._then[what] = then

    def elsewhere(self, what: str, then: Callable[[], Any]) -> None:
        """Have something happen once while a step acts, over another connection."""

        def apart() -> None:
            try:
                then()
            finally:
                connection.close()

        def once() -> None:
            if self._then.pop(what, None) is not None:
                # In this context, where the test carries what is sent: a relay would write to tables that are emptied after it.
                thread = threading.Thread(target=copy_context().run, args=(apart,))
                thread.start()
                thread.join(20)
                assert not thread.is_alive()

        self._then[what] = once

    def write(self, context: StepContext, what: str) -> None:
        """Write a row in the step's transaction."""
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO sample_effect (saga_id, what) VALUES (%s, %s)", [context.saga_id, what]
            )
        if (then := self._then.get(what)) is not None:
            then()

    def rows(self, saga_id: UUID) -> list[str]:
        """What was written for a saga, in order."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT what FROM sample_effect WHERE saga_id = %s ORDER BY id", [saga_id])
            return [row[0] for row in cursor.fetchall()]


ledger = _Ledger()
participants: dict[str, Participant] = {}


def _step(name: str, **more: Any) -> Any:
    forward, back = local(f"ahead.{name}", takes=Ledger), local(f"ahead.un{name}", takes=Ledger)

    def act(command: Ledger, context: StepContext) -> None:
        ledger.write(context, f"ahead.{name}")

    def undo(command: Ledger, context: StepContext) -> None:
        ledger.write(context, f"undo:ahead.{name}")

    participants[forward.task] = performs(forward)(act)
    performs(back)(undo)
    return step(forward, undo=back, **more)


_outside = external("ahead.outside", takes=Ledger)
_elsewhere = external("ahead.elsewhere", takes=Ledger)


@performs(_outside)
def _act_outside(command: Ledger, context: StepContext) -> None:
    ledger.write(context, "ahead.outside")


@performs(_elsewhere)
def _act_elsewhere(command: Ledger, context: StepContext) -> None:
    ledger.write(context, "ahead.elsewhere")


participants["ahead.outside"], participants["ahead.elsewhere"] = _act_outside, _act_elsewhere


def _outer(reference: Any) -> Any:
    return step(reference, undo=nothing("a test never undoes it"))


_one, _two = _step("one"), _step("two")
_three = _step("three", milestone="Counted")


def _define(name: str, flow: Any, **more: Any) -> Any:
    return saga(f"ahead.{name}", version=1, input=Ledger, flow=flow, **more)


chain = _define("chain", _one | _two | _three)
never_ahead = _define("never", _one | _two | _three, run_ahead=0)
always_ahead = _define("always", _one | _two | _three, run_ahead=60)
fork = _define("fork", _one | parallel(_two, _three))
external_fork = _define("external_fork", _one | parallel(_outer(_outside), _outer(_elsewhere)))
through_outside = _define("through_outside", _one | _outer(_outside) | _three)


def engine_statements(queries: Iterable[Mapping[str, str]]) -> list[str]:
    """The engine's own statements among these, by the names that they are declared with."""
    executed = (_EXECUTED.match(query["sql"]) for query in queries)
    return [found[1] for found in executed if found]


def lose_the_answer_to_the_next_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commit, and have the connection lost before anybody hears of it; once."""
    commit = BaseDatabaseWrapper._commit  # type: ignore[attr-defined]  # not in the stubs

    def lose_the_answer(wrapper: Any) -> None:
        commit(wrapper)
        monkeypatch.undo()
        raise OperationalError("the connection was lost")

    monkeypatch.setattr(BaseDatabaseWrapper, "_commit", lose_the_answer)
