"""Looking at a saga instead of claiming a quick local step of it: the step's row comes into being as done.

A claim keeps two workers from acting at the same time. For what only changes rows of its own transaction nobody has to be kept
away: of any number of deliveries one commits, because a step has one row, and what the others did is rolled back. What the claim
counts besides, deliveries that never answered, is counted from the second delivery on: that one claims.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from orchestration.core.definition import registry
from orchestration.core.planning.states import FINISHED, FORWARD_STATES, Direction
from orchestration.engine.database.conflicts import again_after_conflict
from orchestration.engine.database.connection import connection
from orchestration.engine.database.prepared import Statement
from orchestration.engine.steps.ahead import Ahead
from orchestration.engine.steps.attempts import Attempt
from orchestration.engine.steps.claims import KNOWN, SAGA, UNCLAIMED, Delivery, StepMessage, read_known
from orchestration.engine.steps.participants import Participant
from orchestration.engine.steps.quick import may_go_unclaimed
from orchestration.errors import UnknownDefinition

_LOOK = Statement(
    "look",
    f"""
SELECT row_to_json(saga), (SELECT {KNOWN} FROM orchestration_sagastep WHERE saga_id = saga.id)
  FROM (SELECT {SAGA}, rescues FROM orchestration_saga WHERE id = %(saga)s) AS saga
""",  # noqa: S608 - made of constants
    saga="uuid",
)


def look(participant: Participant, message: StepMessage, ahead: Ahead | None) -> Attempt | None:
    """An attempt at a step that nothing speaks against, or None where it has to be claimed. At most one query, no lock.

    To be claimed are external steps, slow ones, undo, whatever may have been delivered before, and whatever the claim will
    probably refuse. What changes after this look (a cancel, a pause, somebody else's record) is met by the record.
    """
    if (
        message.direction is not Direction.FORWARD
        or message.redelivered
        or not may_go_unclaimed(participant.reference)
    ):
        return None
    row = _read(message.saga_id)
    if row is None:
        return None
    saga, known = row
    rows, results = read_known(known)
    delivery = Delivery(saga, UNCLAIMED, results, rows)
    if not _is_free(message, delivery):
        return None
    try:
        definition = registry.find(saga["definition"], saga["version"])
    except UnknownDefinition:
        return None
    attempt = Attempt(participant, message, delivery, UNCLAIMED, definition, ahead)
    return attempt if attempt.is_its_turn() else None


@again_after_conflict
def _read(saga_id: UUID) -> tuple[dict[str, Any], list[list[Any]] | None] | None:
    with connection.cursor() as cursor:
        _LOOK.run(cursor, {"saga": saga_id})
        row: tuple[dict[str, Any], list[list[Any]] | None] | None = cursor.fetchone()
    return row


def _is_free(message: StepMessage, delivery: Delivery) -> bool:
    """Whether the saga goes this way, what comes before the step is finished, and nothing is known of the step itself."""
    saga = delivery.saga
    return (
        saga["state"] in FORWARD_STATES
        and not saga["paused"]
        and saga["epoch"] == message.epoch
        and saga["rescues"] == 0  # otherwise this message may stand for one that has killed its worker
        and delivery.known_state(message.step, Direction.FORWARD) is None
        and all(delivery.known_state(step, Direction.FORWARD) in FINISHED for step in message.after)
    )
