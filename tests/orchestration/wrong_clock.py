"""Rows as they stand after the database's clock was wrong: every moment that it gave lies off by as much."""

from __future__ import annotations

import time
from datetime import timedelta
from math import ceil

from django.db.models import F

from orchestration.engine.flow.misdated_rows import put_misdated_right
from orchestration.engine.messages.transport import use_transport
from orchestration.engine.outbox.sweep import sweep
from orchestration.engine.rows.drift import MOST_APART
from orchestration.engine.rows.reading import database_now
from orchestration.models import OutboxMessage, QueueProbe, Saga, SagaStep
from orchestration.testing import SagaRun

JUMP = 7_200.0
"""Two hours."""
STEP = MOST_APART * 2 / 3
"""The database's own clock does not pass in a test; so little is no jump."""


def dated_by_a_clock_ahead(seconds: float = JUMP) -> None:
    """Everything that is there was written while the clock was ahead; now it is right again."""
    by = timedelta(seconds=seconds)
    for rows, columns in (
        (Saga.objects, ("created_at", "updated_at", "wake_at", "deadline")),
        (SagaStep.objects, ("created_at", "started_at", "ended_at", "sent_at", "due_at", "lease_until")),
        (OutboxMessage.objects, ("created_at", "claimed_until", "sent_at")),
        (QueueProbe.objects, ("asked_at", "proven_at")),
    ):
        rows.update(**{column: F(column) + by for column in columns})


def rescued_within_minutes(run: SagaRun, minutes: int = 6) -> bool:
    """Let workers look, minute by minute, at what is misdated and due. Says whether the saga ends by then."""
    for _ in range(minutes * 4):
        put_misdated_right()
        with use_transport(run.transport):
            sweep()
        while run.carry_one():
            pass
        if run.saga.ended_at is not None:
            return True
        run.skip(15)
    return False


class JumpingClock:
    """A clock that only runs forward, for a process; to it the database's clock jumps."""

    def __init__(self) -> None:
        self.behind = 0.0

    def __call__(self) -> float:
        return time.monotonic() - self.behind

    def database_jumps(self, seconds: float) -> None:
        """The database's clock has gone so far ahead, or, negative, back."""
        self.behind += seconds

    def runs_steadily(self, seconds: float) -> None:
        """So much time passes, and whoever compares the clocks meanwhile finds nothing."""
        for _ in range(ceil(seconds / STEP)):
            self.behind -= STEP
            database_now()
