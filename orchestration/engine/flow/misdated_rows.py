"""Finding what is misdated among all rows: sagas are put before the sweep, messages and probes are dated anew.

It reads every saga that rests, so it is no part of a sweep: it is done when a worker begins, when the database's clock has jumped and
runs steadily again, and otherwise so seldom that it costs a worker next to nothing.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from orchestration.conf import engine_settings
from orchestration.core.definition import registry
from orchestration.core.definition.nodes import Step
from orchestration.core.definition.references import StepReference
from orchestration.engine.database.connection import connection, transaction
from orchestration.engine.flow.misdated import AHEAD, LONGEST_REST
from orchestration.engine.messages.probes import MOST_DOUBLINGS
from orchestration.engine.rows.drift import Drift, drift
from orchestration.engine.steps.pace import lease_of

logger = logging.getLogger(__name__)

LOOK_EVERY = 60.0
"""Seconds between two looks, at least."""
SHARE = 500
"""A look that took a second is followed by the next after so many: two thousandths of a worker's time."""
MOST = 1_000
"""Sagas that one look wakes; what is left is found by the next."""

_WAKE = """
WITH clock AS (
    SELECT statement_timestamp() AS now, statement_timestamp() + %(ahead)s * interval '1 second' AS ahead
), resting AS (
    SELECT id, wake_at, deadline, created_at > clock.ahead OR updated_at > clock.ahead AS misdated
      FROM orchestration_saga, clock WHERE wake_at > clock.ahead AND NOT paused
), found AS (
    SELECT resting.id FROM resting, clock, LATERAL (
        SELECT coalesce(bool_or(greatest(sent_at, started_at, ended_at, lease_until - %(lease)s * interval '1 second',
                                         due_at - coalesce(due_after, CASE WHEN task = '' THEN NULL ELSE %(rest)s END)
                                                  * interval '1 second') > clock.ahead), false) AS misdated,
               coalesce(bool_or(due_at = resting.wake_at OR lease_until = resting.wake_at), false) AS explains
          FROM orchestration_sagastep WHERE saga_id = resting.id
    ) AS steps
     WHERE resting.misdated OR steps.misdated
        OR (resting.wake_at > clock.ahead + %(usual)s * interval '1 second'
            AND resting.wake_at IS DISTINCT FROM resting.deadline AND NOT steps.explains)
     LIMIT %(most)s
), free AS (
    SELECT id FROM orchestration_saga WHERE id IN (SELECT id FROM found) FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE orchestration_saga AS saga SET wake_at = clock.now, updated_at = least(saga.updated_at, clock.now)
  FROM free, clock WHERE saga.id = free.id
"""
"""A saga is woken when a row of it is misdated, or when it rests for longer than usual and none of its rows nor its deadline says why."""

_MESSAGES = """
UPDATE orchestration_outboxmessage
   SET claimed_until = CASE WHEN sent_at IS NOT NULL THEN claimed_until END,
       sent_at = CASE WHEN sent_at > statement_timestamp() THEN statement_timestamp() ELSE sent_at END,
       created_at = least(created_at, statement_timestamp()),
       resent_at = CASE WHEN resent_at > statement_timestamp() THEN statement_timestamp() ELSE resent_at END
 WHERE (sent_at IS NULL AND claimed_until > statement_timestamp() + %(ahead)s * interval '1 second')
    OR (kind = 'event' AND received_at IS NULL AND set_aside_at IS NULL
        AND sent_at > statement_timestamp() + %(ahead)s * interval '1 second')
"""

_LETTERS = """
UPDATE orchestration_deadletter SET last_at = least(last_at, statement_timestamp())
 WHERE last_at > statement_timestamp() + %(ahead)s * interval '1 second'
"""

_PROBES = """
UPDATE orchestration_queueprobe
   SET asked_at = statement_timestamp(), proven_at = CASE WHEN proven_at <= statement_timestamp() THEN proven_at END
 WHERE asked_at > statement_timestamp() + %(ahead)s * interval '1 second'
"""
"""A proof from the future would call every message lost that lies in the queue."""


def put_misdated_right() -> int:
    """Wake the sagas that are misdated, for the next sweep to correct them; date messages and probes anew.

    Opens a short transaction. Returns how many sagas there were; the log says so.
    """
    settings = engine_settings()
    facts = {
        "ahead": AHEAD.total_seconds(),
        "usual": max(60.0, settings.RESEND_AFTER_SECONDS * 2**MOST_DOUBLINGS),
        "lease": _longest_lease(),
        "rest": LONGEST_REST,
        "most": MOST,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        counts: list[int] = []
        for statement in (_WAKE, _MESSAGES, _LETTERS, _PROBES):
            cursor.execute(statement, facts)
            counts.append(cursor.rowcount)
    sagas, *others = counts
    if sagas or any(others):
        logger.warning(
            "the database's clock was ahead, and is no longer: %d sagas are looked at anew, %d messages and probes dated anew",
            sagas,
            sum(others),
        )
    return sagas


def _longest_lease() -> float:
    """Seconds for which any step that this code knows may be claimed."""
    references = (
        reference
        for definition in registry.everything()
        for node in definition.walk()
        if isinstance(node, Step)
        for reference in (node.reference, node.undo)
    )
    leases = (lease_of(reference) for reference in references if isinstance(reference, StepReference))
    return max(leases, default=engine_settings().LEASE_SECONDS)


class Looks:
    """When one worker looks: at its beginning, when a jump of the clock is over, and now and then.

    Args:
        monotonic: a clock that only runs forward.
        of: what notices that the database's clock has jumped.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic, of: Drift = drift) -> None:
        self._monotonic = monotonic
        self._drift = of
        self._next = monotonic()
        self._jump: float | None = None

    def look(self) -> int:
        """Put right what is misdated, if it is time to look. Returns how many sagas were.

        While it is in doubt which of two times was right nothing is corrected by either.
        """
        if self._drift.rests_for():
            return 0
        began = self._monotonic()
        if began < self._next and self._drift.jumped_at() == self._jump:
            return 0
        self._jump = self._drift.jumped_at()
        found = 0
        try:
            found = put_misdated_right()
        finally:  # also where it failed: a look that fails each time must not keep the worker from sweeping
            ended = self._monotonic()
            self._next = ended if found >= MOST else ended + max(LOOK_EVERY, SHARE * (ended - began))
        return found
