"""Late results: an external effect that comes home after its lease, its token or its saga has moved on.

A late result is recorded in the history and never overwrites. While the saga goes forward, the same key means the same
effect, so it is a duplicate. It is undone only when the saga no longer goes forward and this effect is not already
undone or waiting to be; after a terminal state an incident is opened as well, and the state stays.
"""

from __future__ import annotations

from django.db import transaction
from django.db.models.functions import Now

from orchestration.core.context import StepContext
from orchestration.core.outcome import NotNeeded
from orchestration.core.references import Message
from orchestration.core.states import TERMINAL, Direction, SagaState, StepState
from orchestration.engine.claims import Claim, StepMessage
from orchestration.engine.history import note
from orchestration.engine.incidents import open_incident
from orchestration.engine.locks import lock_saga
from orchestration.engine.participants import Participant
from orchestration.models import SagaStep


def keep_late_result(
    message: StepMessage,
    claim: Claim,
    participant: Participant,
    command: Message,
    result: Message | NotNeeded | None,
    context: StepContext,
) -> None:
    """Write a late result down, and have its effect undone where nobody else will. Opens a transaction."""
    with transaction.atomic():
        saga = lock_saga(message.saga_id)
        row = SagaStep.objects.select_for_update().get(id=claim.row_id)
        facts = result.model_dump(mode="json") if isinstance(result, Message) else None
        turned = SagaState(saga.state) is SagaState.COMPENSATING or SagaState(saga.state) in TERMINAL
        forgotten = message.direction is Direction.FORWARD and row.state == StepState.ABSENT.value
        adopt = turned and forgotten
        note(
            saga,
            "late_result",
            step=row.name,
            direction=row.direction,
            token=claim.token,
            newest=row.token,
            result=facts,
            adopted=adopt,
        )
        if adopt:
            if participant.save is not None and isinstance(result, Message):
                participant.save(command, result, context)
            row.state = StepState.DONE.value
            row.late, row.unsure, row.result = True, False, facts
            row.result_type = type(result).__name__ if isinstance(result, Message) else None
            row.input = command.model_dump(mode="json")
            row.ended_at, row.done_seq = Now(), saga.last_seq
            row.save()
            if SagaState(saga.state) in TERMINAL:
                open_incident(
                    saga,
                    "late_effect",
                    step=row.name,
                    message=f"{row.name} took effect after the saga had ended",
                )
            else:
                saga.wake_at = Now()
        saga.save()
