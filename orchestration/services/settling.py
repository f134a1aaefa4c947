"""Settling by hand: a person has looked, or acted, at the provider, and says what is true of a step's effect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.utils.module_loading import autodiscover_modules
from pydantic import ValidationError

from orchestration.core.carrying import read_message
from orchestration.core.definition import registry
from orchestration.core.definition.binding import build_command
from orchestration.core.definition.references import Message, StepReference
from orchestration.core.definition.saga_definition import SagaDefinition
from orchestration.core.planning.kinds import HistoryKind
from orchestration.core.planning.states import FORWARD_STATES, TERMINAL, Direction, SagaState, StepState
from orchestration.core.storable import facts_of
from orchestration.engine.database.connection import transaction
from orchestration.engine.rows.history import move, note
from orchestration.engine.rows.locks import lock_saga, saga_of
from orchestration.engine.rows.steps import move_step
from orchestration.engine.steps.attempt import context_for
from orchestration.engine.steps.participants import participant_for
from orchestration.errors import InvalidDecision, TransitionRefused
from orchestration.models import Saga, SagaStep
from orchestration.sentences import findings
from orchestration.services.deciding import (
    BACKING_OFF,
    GIVEN_UP,
    check_decision,
    earlier_decision,
    go_on,
    newest_row,
    refuse_at_work,
)

DONE, ABSENT = StepState.DONE.value, StepState.ABSENT.value


def settle_step(
    *,
    saga_id: UUID,
    step: str,
    direction: str = "forward",
    outcome: str,
    by: str,
    reason: str,
    result: Message | Mapping[str, Any] | None = None,
    result_type: str | None = None,
) -> Saga:
    """Say what became of a step: a forward one whose outcome is unknown, or an undo that failed or is in back-off.

    `done`, forward: its effect exists; the saga goes on with the result, or undoes it. `absent`, forward: it has no
    effect and never will; before the pivot the saga is undone, past it the step waits for `retry_step`. `done`, undo: a
    person has undone it at the provider. The app's own rows are written as if the step had answered (`@step.record`).

    Opens a transaction, or joins the caller's; locks the app's rows, then the saga, then the step row. A worker that
    still holds the step is fenced off.

    Args:
        saga_id: which saga.
        step: its name in the definition.
        direction: `forward`, `undo` or `after_undo`.
        outcome: `done`, or `absent` (forward only: an undo that has not happened is retried or skipped).
        by: who decides.
        reason: why; kept in the history.
        result: with `done`, what the step's contract says it gives: a Message, or a mapping of its fields.
        result_type: name of the result's type, where several would fit.

    Raises:
        SagaNotFound: there is no such saga.
        UnknownDefinition: this process does not know the saga's definition.
        InvalidDecision: something is missing or does not fit the step's contract; the message says what.
        TransitionRefused: its outcome is known, or somebody is at work at it. Nothing has changed.
    """
    check_decision(by, reason)
    allowed = (DONE, ABSENT) if direction == Direction.FORWARD.value else (DONE,)
    if outcome not in allowed:
        raise InvalidDecision(
            f"outcome of a step ({direction}) is {' or '.join(allowed)}, not {outcome!r}"
            + ("" if ABSENT in allowed else "; what has not happened is retried or skipped")
        )
    with transaction.atomic():
        seen = saga_of(saga_id)
        definition = registry.find(seen.definition, seen.version)
        row = _settleable(seen, step, direction, lock=False)
        given = _Given(definition, seen, row)
        answer = given.answer(result, result_type) if outcome == DONE else None
        if outcome == DONE:
            given.record(answer)  # the app's rows are locked before the saga's, as everywhere
        saga = lock_saga(saga_id)
        row = _settleable(saga, step, direction, lock=True)
        _write(saga, row, outcome, given, answer, by=by, reason=reason)
        go_on(saga, step=step, by=by, reason=reason)
        return saga


class _Given:
    """What was settled, in the words of the step's contract."""

    def __init__(self, definition: SagaDefinition, saga: Saga, row: SagaStep) -> None:
        self.definition, self.saga, self.row = definition, saga, row
        self.reference: StepReference | None = None
        self.milestone = ""
        self.command: Message | None = None
        if row.name not in definition.steps:
            raise InvalidDecision(f"{definition} has no step {row.name!r}; a wait ends by its event")
        node = definition.steps[row.name]
        try:
            self.reference = definition.reference(row.name, row.direction)
        except LookupError:
            return  # a late pivot: no undo was ever declared, and a person has done without
        if row.direction != Direction.UNDO.value:
            self.milestone = node.milestone or ""
        if row.direction == Direction.FORWARD.value and not self.reference.is_external:
            raise InvalidDecision(
                f"{row.name} is local: its outcome is never unknown, so there is nothing to settle"
            )

    def answer(self, result: Message | Mapping[str, Any] | None, result_type: str | None) -> Message | None:
        """The result as the contract's type."""
        gives = self.reference.gives if self.reference is not None else ()
        data = result.model_dump(mode="json") if isinstance(result, Message) else result
        wanted = type(result).__name__ if isinstance(result, Message) else result_type
        if not gives:
            if data or wanted:
                raise InvalidDecision(f"{self.row.name} ({self.row.direction}) gives no result; leave it out")
            return None
        named = " or ".join(f"{kind.__name__} ({', '.join(kind.model_fields)})" for kind in gives)
        if data is None:
            raise InvalidDecision(f"{self.reference} gives {named}: say what the result was")
        fitting, faults = [], []
        for kind in gives:
            if wanted not in (None, kind.__name__):
                continue
            try:
                fitting.append(read_message(kind, dict(data)))
            except ValidationError as error:
                faults.append(f"{kind.__name__}: {findings(error)[0]}")
        if len(fitting) > 1:
            raise InvalidDecision(f"the result fits several types; name one of {named}")
        if not fitting:
            raise InvalidDecision(f"the result is no {named}: {'; '.join(faults) or f'not {wanted}'}")
        return fitting[0]

    def record(self, answer: Message | None) -> None:
        """Build the command, and have the participant write its own rows as if the step had answered."""
        if self.reference is None:
            return
        saga, row = self.saga, self.row
        known = SagaStep.objects.filter(saga=saga, direction="forward", state=DONE).exclude(result=None)
        results = {other.name: other.result or {} for other in known}
        try:
            self.command = build_command(
                self.definition, self.definition.steps[row.name], self.reference.takes, saga.input, results
            )
        except ValidationError as error:
            raise InvalidDecision(
                f"the command of {row.name} ({row.direction}) cannot be built from what is stored: {'; '.join(findings(error))}"
            ) from None
        if not self.reference.is_external or answer is None:
            return
        autodiscover_modules("tasks")  # outside a worker nobody has imported the participants yet
        participant = participant_for(self.reference.task)
        if participant is None:
            raise InvalidDecision(
                f"nobody performs {self.reference} in this process, so its rows could not be written; "
                "settle it where the service's code is installed"
            )
        if participant.save is not None:
            context = context_for(saga, row.name, Direction(row.direction), row)
            participant.save(self.command, answer, context)


def _settleable(saga: Saga, step: str, direction: str, *, lock: bool) -> SagaStep:
    row = newest_row(saga, step, direction, lock=lock)
    if direction == Direction.FORWARD.value:
        return _unknown_outcome(saga, step, row)
    late = SagaStep.objects.filter(saga=saga, name=step, direction="forward", late=True, state=DONE).exists()
    if row is None and late and SagaState(saga.state) in TERMINAL:
        # The effect of a pivot, or of a step without undo, that turned up late: only a person could undo it.
        return SagaStep(saga=saga, name=step, direction=direction, state=StepState.PENDING.value, token=0)
    if row is None or not (row.state in (*GIVEN_UP, *BACKING_OFF, StepState.RUNNING.value) or row.unsure):
        raise TransitionRefused(
            f"{step} ({direction}) has not failed, so there is nothing to settle{earlier_decision(saga, step)}"
        )
    state = SagaState(saga.state)
    if state in FORWARD_STATES or state is SagaState.COMPLETED:
        raise TransitionRefused(f"the saga is {saga.state}, so nothing of it is being undone")
    refuse_at_work(row, "settle it")
    return row


def _unknown_outcome(saga: Saga, step: str, row: SagaStep | None) -> SagaStep:
    if row is None:
        raise TransitionRefused(f"{step} has not begun, so there is nothing to settle")
    if SagaState(saga.state) in TERMINAL and not row.late:
        raise TransitionRefused(f"it has already ended: {saga.state}")
    unknown = row.state in (StepState.RUNNING.value, StepState.UNKNOWN.value) or (
        row.unsure and row.state in (StepState.PENDING.value, StepState.WAITING.value, StepState.FAILED.value)
    )
    if not unknown:
        raise TransitionRefused(f"{step} is {row.state}: its outcome is known{earlier_decision(saga, step)}")
    refuse_at_work(row, "settle it")
    return row


def _write(
    saga: Saga, row: SagaStep, outcome: str, given: _Given, answer: Message | None, *, by: str, reason: str
) -> None:
    facts = facts_of(answer) if answer is not None else None
    entry: dict[str, Any] = {"outcome": outcome, "reason": reason, "before_state": row.state, "result": facts}
    if outcome == DONE and row.direction == Direction.FORWARD.value and saga.state in ("accepted", "waiting"):
        move(saga, SagaState.RUNNING, HistoryKind.OUTCOME_SETTLED, who=by, step=row.name, **entry)
    else:
        note(saga, HistoryKind.OUTCOME_SETTLED, who=by, step=row.name, direction=row.direction, **entry)
    move_step(saga, row, StepState(outcome), fence=True)
    row.unsure = False
    if outcome == DONE:
        row.error, row.result = None, facts
        row.result_type = type(answer).__name__ if answer is not None else None
        row.input = facts_of(given.command) if given.command is not None else row.input
        if saga.state in {state.value for state in FORWARD_STATES} and given.milestone:
            saga.milestone = given.milestone
    row.save()
