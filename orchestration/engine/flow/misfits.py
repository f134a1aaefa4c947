"""An event that does not fit the wait it is for: kept due, with an incident, until its sender or our code is put right.

Its data do not fit, or it comes from a source that does not speak for this event: a key is one source's, and a wait has one speaker.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models.functions import Now
from pydantic import ValidationError

from orchestration.conf import engine_settings
from orchestration.core.carrying import read_message
from orchestration.core.definition.nodes import Wait
from orchestration.core.planning.kinds import HistoryKind, IncidentKind
from orchestration.core.storable import facts_of
from orchestration.engine.database.connection import connection, transaction
from orchestration.engine.flow.deliveries import deliver
from orchestration.engine.incidents.opening import open_incident
from orchestration.engine.rows.history import note
from orchestration.models import InboxDelivery, InboxMessage, Saga
from orchestration.sentences import findings

KIND = IncidentKind.EVENT_MISFIT
LOOK_AGAIN = timedelta(minutes=1)
"""How long until it is tried again: other workers may have the code that it fits."""


def fitted(wait: Wait, envelope: dict[str, Any]) -> Any:
    """Return the result that an event gives a wait.

    Raises:
        pydantic.ValidationError: its data do not fit.
    """
    data = envelope.get("data") or {}
    return facts_of(read_message(wait.gives, data)) if wait.gives is not None else data


def unfit(error: ValidationError) -> str:
    """Return why data do not fit, naming fields and no values."""
    return f"its data does not fit: {'; '.join(findings(error))}"


def of_another(wait: Wait, source: object) -> str | None:
    """Return why a wait does not take its event from this source; None if it does."""
    if isinstance(source, str) and wait.takes_from(source):
        return None
    return f"it comes from {source}; this wait takes it from {wait.speaker} only"


def keep_misfit(saga: Saga, message: InboxMessage, wait: str, reason: str) -> None:
    """Keep an event due at a locked saga, and tell a person, once for each reason. The caller saves the saga."""
    reason = reason[:200]
    known = InboxDelivery.objects.filter(saga=saga, message=message).first()
    if known is None or (known.wait, known.reason) != (wait, reason):
        note(
            saga,
            HistoryKind.EVENT_MISFIT,
            step=wait,
            event=message.event_id,
            type=message.type,
            reason=reason,
        )
    open_incident(saga, KIND, step=wait, message=f"Event {message.event_id} from {message.source}: {reason}")
    deliver(saga, message, state="due", wait=wait, reason=reason, due_at=Now() + LOOK_AGAIN)


_PUT_OFF = """
WITH due AS (
    SELECT id FROM orchestration_inboxdelivery
     WHERE state = 'due' AND (due_at <= statement_timestamp()
            OR due_at > statement_timestamp() + 2 * %(pause)s * interval '1 second')
     ORDER BY due_at LIMIT %(most)s FOR UPDATE SKIP LOCKED
)
UPDATE orchestration_inboxdelivery AS delivery SET due_at = statement_timestamp() + %(pause)s * interval '1 second'
  FROM due WHERE delivery.id = due.id RETURNING delivery.saga_id
"""
"""What is dated further off than a pause was dated by a clock that was wrong, and is due. Put off, because a saga that cannot be
looked at now, whatever the cause, is not to be asked for each second."""


def wake_for_deliveries() -> int:
    """Have sagas looked at for which an event is due: other code may fit it, or a worker died before it was applied.

    Part of every sweep: one statement, on an index that is empty as a rule. A saga that is locked is asked for a minute later.
    Opens a short transaction where there is one. Returns how many sagas were woken.
    """
    with connection.cursor() as cursor:
        cursor.execute(_PUT_OFF, {"most": engine_settings().SWEEP_BATCH, "pause": LOOK_AGAIN.total_seconds()})
        due = [saga_id for (saga_id,) in cursor.fetchall()]
    if not due:
        return 0
    with transaction.atomic():
        open_ones = Saga.objects.filter(id__in=due, ended_at=None)
        free = list(open_ones.select_for_update(skip_locked=True, no_key=True).values_list("id", flat=True))
        return Saga.objects.filter(id__in=free).update(wake_at=Now())


def look_again() -> int:
    """Have every event tried again that did not fit: a worker has just begun, perhaps with other code. One statement."""
    return InboxDelivery.objects.filter(state="due", due_at__gt=Now()).update(due_at=Now())
