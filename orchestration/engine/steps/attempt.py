"""One attempt at a step: what it is given, what it does, how that is recorded, and what follows. Nothing here decides what an error means."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from orchestration.core.definition.binding import build_command
from orchestration.core.definition.outcome import NOT_NEEDED, NotNeeded
from orchestration.core.definition.references import Message
from orchestration.core.definition.saga_definition import SagaDefinition
from orchestration.core.planning.admission import is_its_turn
from orchestration.core.planning.context import Failure, StepContext
from orchestration.core.planning.foresight import Foreseen, Known, Rows, Unclear, foresee
from orchestration.core.planning.standing import Kept, kept_steps
from orchestration.core.planning.states import Direction, SagaState, StepState
from orchestration.core.storable import LONGEST_MESSAGE, facts_of, storable_text
from orchestration.crash.points import CrashPoint
from orchestration.engine.database.connection import connection
from orchestration.engine.steps.bad_commands import not_built
from orchestration.engine.steps.pace import Ahead, NextStep, is_quick
from orchestration.engine.steps.participants import Participant
from orchestration.engine.steps.records import Ending
from orchestration.engine.steps.rights import Right, SagaFacts, StepMessage
from orchestration.errors import SkipRest, StepError
from orchestration.models import Saga, SagaStep


class Attempt:
    """One step of a saga, and the right to do it."""

    command: Message | None = None
    """What the step is given, once that is built."""
    result: Message | NotNeeded | None = None
    """What its function has answered, as it is stored."""
    ending: Ending
    """What is to be recorded, once it has acted."""
    following: NextStep | None = None
    """What this worker goes straight on with, once it has acted."""
    rows: dict[tuple[str, str], Known]
    """The rows as they will be with this step recorded, once it has acted and goes forward."""
    foreseen: Foreseen = Unclear()
    error: StepError | None = None
    """Why the step was given up, if it was."""

    def __init__(
        self,
        participant: Participant,
        message: StepMessage,
        right: Right,
        saga: SagaFacts,
        definition: SagaDefinition,
        ahead: Ahead | None,
    ) -> None:
        self.participant, self.message, self.right = participant, message, right
        self.saga, self.definition, self.ahead = saga, definition, ahead
        self.reference = participant.reference
        self.context = context_for(
            saga, message.step, message.direction, right, rows=saga.rows, results=saga.results
        )
        self.began = self.ended = time.monotonic()

    def is_its_turn(self) -> bool:
        """Whether the flow, with the rows this was loaded with, has come to this step: a message alone is no leave to act."""
        return is_its_turn(
            self.definition,
            SagaState(self.saga.state),
            self.saga.rows,
            step=self.message.step,
            direction=self.message.direction,
            task=self.reference.task,
        )

    def act(self) -> None:
        """Act: a local step in the caller's transaction, an external one without any. Any error is the caller's to answer.

        An external step that an earlier attempt may have done is looked up first.

        Raises:
            CommandNotBuilt: the results of the earlier steps do not make the command.
            TypeError: the result is not what the reference gives. The next step would be blamed for it.
        """
        undo = self.message.direction is Direction.UNDO
        self.message.reach(CrashPoint.UNDO_CLAIMED if undo else CrashPoint.CLAIM_COMMITTED)
        self.began = time.monotonic()
        command = self.command = self._build()
        skipped: SkipRest | None = None
        result: Message | NotNeeded | None = None
        if self.right.unsure and self.participant.find is not None:
            result = self.participant.find(command, self.context)
        if result is None:
            try:
                result = self.participant.perform_action(command, self.context)
            except SkipRest as skip:
                skipped = skip
        if skipped is None and (result is not NOT_NEEDED or self.message.direction is Direction.FORWARD):
            self.participant.check_result(result)
        facts: dict[str, Any] | None = None
        if isinstance(result, Message):
            result, facts = self.participant.as_stored(result)
        self.result = result
        self.message.reach(CrashPoint.UNDO_EFFECT_DONE if undo else CrashPoint.EFFECT_DONE)
        self.participant.check_size(facts)
        self.ended = time.monotonic()
        self.ending = self._ending(command, result, facts, skipped)
        self._look_ahead()

    def save(self) -> None:
        """Have the app write for itself what an external step has answered, in the transaction that records it."""
        if self.participant.save is not None and isinstance(self.result, Message):
            self.participant.save(self.command, self.result, self.context)

    def follow(self, then: NextStep, right: Right) -> Attempt:
        """The attempt at the step behind this one, with what this one, which has acted, will leave behind."""
        ending, own = self.ending, self.message
        message = StepMessage(
            own.saga_id,
            then.step,
            own.direction,
            own.epoch,
            (ending.name,),
            then.task_id,
            False,
            own.next_step,
        )
        results = self.saga.results
        if ending.result is not None:
            results = {**results, ending.name: ending.result}
        saga = replace(self.saga, state=SagaState.RUNNING.value, rows=self.rows, results=results)
        return Attempt(then.participant, message, right, saga, self.definition, self.ahead)

    def allow_its_time(self) -> None:
        """A long step may compute within its transaction for as long as it has said, whatever connections are allowed."""
        if not is_quick(self.reference):  # no statement more for a step of ordinary length
            with connection.cursor() as cursor:
                cursor.execute(
                    "SET LOCAL idle_in_transaction_session_timeout = %s", [f"{self.reference.timeout:.0f}s"]
                )

    def _build(self) -> Message:
        step, saga = self.definition.steps[self.message.step], self.saga
        try:
            return build_command(self.definition, step, self.reference.takes, saga.input, saga.results)
        except ValidationError as error:
            # Not with the cause behind it, which repeats what it was given: it may hold secrets.
            raise not_built(self.message.step, error) from None

    def _ending(
        self,
        command: Message,
        result: Message | NotNeeded | None,
        facts: dict[str, Any] | None,
        skipped: SkipRest | None,
    ) -> Ending:
        message = self.message
        milestone = self.definition.steps[message.step].milestone or ""
        return Ending(
            right=self.right,
            name=message.step,
            direction=message.direction,
            task=self.reference.task,
            task_id=message.task_id,
            state=StepState.NOT_NEEDED if result is NOT_NEEDED else StepState.DONE,
            input=facts_of(command),
            result=facts,
            result_type=type(result).__name__ if isinstance(result, Message) else None,
            began=self.began,
            ended=self.ended,
            milestone=milestone if message.direction is not Direction.UNDO else "",
            skip_rest=skipped is not None,
            skip_reason=storable_text(skipped.message, LONGEST_MESSAGE) if skipped is not None else None,
        )

    def _look_ahead(self) -> None:
        ending, direction = self.ending, self.ending.direction
        if direction is not Direction.FORWARD:
            return
        own = Known(direction.value, ending.state.value, ending.result_type, ending.skip_rest)
        self.rows = {**self.saga.rows, (ending.name, direction.value): own}
        self.foreseen = foresee(self.definition, self.rows)
        if self.ahead is not None:
            self.following = self.ahead.next_step(self.definition, self.foreseen)


def context_for(
    saga: Saga | SagaFacts,
    step: str,
    direction: Direction,
    right: Right | SagaStep,
    *,
    rows: Rows | None = None,
    results: Mapping[str, Any] | None = None,
) -> StepContext:
    """Return what a step is told about the saga it acts for, and of the attempt.

    Args:
        saga: for which it acts.
        step: its name.
        direction: which way.
        right: to act, or the row of the step.
        rows: the newest row of each step, and
        results: what the steps gave, where something is undone and they are known.
    """
    backward = direction is not Direction.FORWARD
    kept: tuple[Kept, ...] = ()
    if backward and rows:
        states = {at: row.state for at, row in rows.items()}
        kept = tuple(Kept(name, (results or {}).get(name) or {}) for name in kept_steps(states))
    return StepContext(
        saga_id=saga.id,
        business_key=saga.business_key,
        step=step,
        direction=direction.value,
        attempt=right.attempts + 1,
        idempotency_key=idempotency_key(saga, step, direction, right),
        trace_id=saga.trace_id,
        product_line=saga.product_line,
        failure=Failure(**saga.failure) if saga.failure and backward else None,
        kept=kept,
    )


def idempotency_key(saga: Saga | SagaFacts, step: str, direction: Direction, right: Right | SagaStep) -> str:
    """Stable over attempts, redeliveries and restores: saga, step, direction, generation. At most 255 characters."""
    return f"{saga.id}/{step}/{direction.value}/{right.generation}"
