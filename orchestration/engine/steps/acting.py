"""Doing a step: what it is given, what it does, and how that is to be recorded. Nothing here decides what an error means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from orchestration.core.definition.binding import build_command
from orchestration.core.definition.outcome import NOT_NEEDED, NotNeeded
from orchestration.core.definition.references import Message
from orchestration.core.definition.saga_definition import SagaDefinition
from orchestration.core.planning.admission import is_its_turn
from orchestration.core.planning.states import Direction, SagaState, StepState
from orchestration.core.storable import LONGEST_MESSAGE, facts_of, storable_text
from orchestration.crash.points import CrashPoint, reach
from orchestration.engine.database.connection import connection
from orchestration.engine.steps.bad_commands import not_built
from orchestration.engine.steps.claims import Claim, Delivery, StepMessage
from orchestration.engine.steps.contexts import context_for
from orchestration.engine.steps.leases import renewed
from orchestration.engine.steps.participants import Participant
from orchestration.engine.steps.quick import is_quick
from orchestration.engine.steps.records import Ending
from orchestration.errors import SkipRest


@dataclass(frozen=True, slots=True)
class Acted:
    """What a step's function has answered."""

    result: Message | NotNeeded | None
    skipped: SkipRest | None = None
    """Raised instead of a result: the rest of the saga is skipped."""
    facts: dict[str, Any] | None = None
    """The result as storable JSON, where that is known already."""


class Acting:
    """One step, claimed or looked at, about to be done."""

    def __init__(
        self,
        participant: Participant,
        message: StepMessage,
        delivery: Delivery,
        claim: Claim,
        definition: SagaDefinition,
    ) -> None:
        self.participant, self.message, self.claim, self.definition = participant, message, claim, definition
        self.delivery = delivery
        self.context = context_for(message, delivery.saga, claim, delivery.rows, delivery.results)
        self.command: Message | None = None

    def is_its_turn(self) -> bool:
        """Whether the flow, with the rows this was loaded with, has come to this step: a message alone is no leave to act."""
        return is_its_turn(
            self.definition,
            SagaState(self.delivery.saga["state"]),
            self.delivery.rows,
            step=self.message.step,
            direction=self.message.direction,
            task=self.participant.reference.task,
        )

    def act(self) -> Ending:
        """Act in the caller's transaction, and say how it is to be recorded. Any error is the caller's to answer."""
        command = self.build()
        return self.ending(command, self.act_locally(command))

    def build(self) -> Message:
        """What the step is given.

        Raises:
            CommandNotBuilt: the results of the earlier steps do not make the command.
        """
        step = self.definition.steps[self.message.step]
        takes = self.participant.reference.takes
        try:
            self.command = build_command(
                self.definition, step, takes, self.delivery.saga["input"], self.delivery.results
            )
        except ValidationError as error:
            # Not with the cause behind it, which repeats what it was given: it may hold secrets.
            raise not_built(self.message.step, error) from None
        return self.command

    def act_locally(self, command: Message) -> Acted:
        """Act in the caller's transaction."""
        acted = self._perform(command)
        self._reach_effect()
        return acted

    def act_outside(self, command: Message) -> Acted:
        """Act under a lease that is renewed meanwhile; what an earlier attempt may have done is looked up first."""
        with renewed(self.claim, self.participant.reference.timeout):
            found: Message | None = None
            if self.claim.unsure and self.participant.find is not None:
                found = self.participant.find(command, self.context)
                if found is not None:
                    self.participant.check_result(found)
            acted = self._perform(command) if found is None else Acted(found)
        if isinstance(acted.result, Message):
            acted = self._as_stored(acted.result, acted.skipped)
        self._reach_effect()
        return acted

    def _as_stored(self, result: Message, skipped: SkipRest | None) -> Acted:
        stored, facts = self.participant.as_stored(result)
        return Acted(stored, skipped, facts)

    def _perform(self, command: Message) -> Acted:
        """Have the function act, and refuse what it must not return: the next step would be blamed for it.

        Raises:
            TypeError: the result is not what the reference gives.
        """
        try:
            result = self.participant.perform_action(command, self.context)
        except SkipRest as skip:
            return Acted(None, skip)
        if result is not NOT_NEEDED or self.message.direction is Direction.FORWARD:
            self.participant.check_result(result)
        return Acted(result)

    def allow_its_time(self) -> None:
        """A long step may compute within its transaction for as long as it has said, whatever connections are allowed."""
        reference = self.participant.reference
        if not is_quick(reference):  # no statement more for a step of ordinary length
            with connection.cursor() as cursor:
                cursor.execute(
                    "SET LOCAL idle_in_transaction_session_timeout = %s", [f"{reference.timeout:.0f}s"]
                )

    def ending(self, command: Message, acted: Acted) -> Ending:
        """How a step that has acted is recorded."""
        result, skipped = acted.result, acted.skipped
        needed = result is not NOT_NEEDED
        message = result if isinstance(result, Message) else None
        facts = acted.facts
        if facts is None and message is not None:
            _, facts = self.participant.as_stored(message)
        self.participant.check_size(facts)
        step = self.definition.steps[self.message.step]
        return Ending(
            name=self.message.step,
            direction=self.message.direction,
            state=(StepState.DONE if needed else StepState.NOT_NEEDED).value,
            input=facts_of(command),
            result=facts,
            result_type=type(message).__name__ if message is not None else None,
            milestone=(step.milestone or "") if self.message.direction is not Direction.UNDO else "",
            skip_rest=skipped is not None,
            skip_reason=storable_text(skipped.message, LONGEST_MESSAGE) if skipped is not None else None,
        )

    def reach(self, point: CrashPoint, *, committed: bool = False) -> None:
        """Say that this step has come to a crash point."""
        reach(
            point,
            about=[self.message.saga_id],
            direction=self.message.direction,
            step=self.message.step,
            committed=committed,
        )

    def _reach_effect(self) -> None:
        self.reach(
            CrashPoint.UNDO_EFFECT_DONE
            if self.message.direction is Direction.UNDO
            else CrashPoint.EFFECT_DONE
        )
