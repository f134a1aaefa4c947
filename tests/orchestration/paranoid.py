"""The ways in which one suite is delivered: each test must come out the same however its messages travel.

By hand, doubled and sweep-only run with each commit; `--durability` adds the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from random import Random
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.db.backends.base.base import BaseDatabaseWrapper

from orchestration.models import OutboxMessage
from orchestration.testing import SagaRun
from orchestration.testing.mail import EventMail

WAYS: dict[str, dict[str, Any]] = {
    "by hand": {},
    "doubled": {"doubled": True},
    "shuffled": {"shuffled": 7, "doubled": True},
    "sweep only": {"sweep_only": True},
    "swapped": {"swapped": True},
    "wiped": {"wiped": True},
}
"""What SagaRun is told for each."""
FAULTY_DATABASE = "faulty database"
CONFLICTS = "conflicts in the database"
RARE = {"swapped", "wiped", FAULTY_DATABASE, CONFLICTS}
"""Only with `--durability`."""

EVERY = [
    pytest.param(way, marks=pytest.mark.durability) if way in RARE else pytest.param(way)
    for way in (*WAYS, FAULTY_DATABASE, CONFLICTS)
]
"""Parameters of a fixture."""

WRITES = ("INSERT", "UPDATE", "DELETE", "WITH", "EXECUTE")


class FaultyDatabase:
    """Some writes fail: before they happen, or after they were committed and nobody heard of it."""

    def __init__(self, share: float, seed: int = 0) -> None:
        # Not every n-th: a saga that goes in circles of n writes would meet the same fault for ever.
        self._share, self._random = share, Random(seed)
        self.failed = {"before": 0, "after": 0}

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Within the block this thread's writes fail so."""
        commit = BaseDatabaseWrapper._commit  # type: ignore[attr-defined]  # not in the stubs

        def commit_and_lose_the_answer(wrapper: Any) -> None:
            commit(wrapper)
            self._perhaps("after")

        with connection.execute_wrapper(self._write), pytest.MonkeyPatch.context() as patch:
            patch.setattr(BaseDatabaseWrapper, "_commit", commit_and_lose_the_answer)
            yield

    def _write(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if not sql.lstrip().startswith(WRITES):
            return execute(sql, params, many, context)
        self._perhaps("before")
        result = execute(sql, params, many, context)
        if not connection.in_atomic_block:
            self._perhaps("after")
        return result

    def _perhaps(self, when: str) -> None:
        if self._random.random() < self._share:
            self.failed[when] += 1
            raise OperationalError(f"injected: the server is gone {when} the write")


class ConflictingDatabase(FaultyDatabase):
    """Some transactions have to give way to another one, as the server itself says: 40001 or 40P01."""

    def _write(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        writes = sql.lstrip().startswith(WRITES) or (" FOR " in sql and not sql.startswith("PREPARE"))
        if writes and self._random.random() < self._share:
            self.failed["before"] += 1
            code = self._random.choice(("serialization_failure", "deadlock_detected"))
            execute(f"DO $$ BEGIN RAISE 'injected' USING ERRCODE = '{code}'; END $$", None, False, context)
        return execute(sql, params, many, context)

    def _perhaps(self, when: str) -> None:
        """Nobody gives way after a commit."""


class FaultyRun(SagaRun):
    """A saga whose database fails now and then while messages are delivered. What fails is a failed task."""

    database: FaultyDatabase
    counts_attempts = False
    """An attempt whose record the database has lost is not counted."""

    def __init__(self, *args: Any, **faults: Any) -> None:
        self.database = self._database()
        super().__init__(*args, **faults)

    @staticmethod
    def _database() -> FaultyDatabase:
        return FaultyDatabase(share=0.03)

    def carry_one(self) -> bool:
        lying = list(self.transport.mail)
        try:
            with self.database.at_work():
                return super().carry_one()
        except OperationalError:
            self._knock(lying)
            return True

    def skip(self, seconds: float) -> FaultyRun:
        try:
            with self.database.at_work():
                return super().skip(seconds)
        except OperationalError:
            return self  # the next beat of the heart tries again

    def _knock(self, lying: list[Any]) -> None:
        """What was taken and not carried out has failed, and its error callback knocks; what was lost is sent again."""
        left = [id(mail) for mail in self.transport.mail]
        for mail in lying:
            if id(mail) not in left:
                self.transport.failed(mail)
                if isinstance(mail, EventMail):
                    self.transport.mail.append(mail)
        OutboxMessage.objects.filter(sent_at=None).update(claimed_until=None)


class ConflictingRun(FaultyRun):
    """A saga whose transactions have to give way now and then. None of it is held against a step."""

    counts_attempts = True

    @staticmethod
    def _database() -> FaultyDatabase:
        return ConflictingDatabase(share=0.03)


def start_by(way: str) -> Any:
    """What starts a saga that is delivered this way."""
    if way == FAULTY_DATABASE:
        return FaultyRun
    if way == CONFLICTS:
        return ConflictingRun
    return partial(SagaRun, **WAYS[way])
