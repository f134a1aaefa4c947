"""One attempt at a step: act, record, and with the record end the saga or claim the next step.

Local: effect and record share one transaction. External: no transaction is open during the call, its result is
recorded under the fencing token, and an earlier attempt of unknown outcome is looked up before it is repeated.
"""

from __future__ import annotations

import logging
from enum import Enum

from django.db import DataError, IntegrityError, ProgrammingError
from django.db import Error as DatabaseError

from orchestration.conf import engine_settings
from orchestration.core.definition.references import Message
from orchestration.core.definition.saga_definition import SagaDefinition
from orchestration.core.planning.foresight import Ends, Foreseen, Known, Unclear, foresee
from orchestration.core.planning.states import Direction, SagaState, StepState
from orchestration.core.storable import facts_of
from orchestration.crash.points import CrashPoint
from orchestration.engine.database.conflicts import again_after_conflict
from orchestration.engine.database.connection import connection, transaction
from orchestration.engine.database.errors import is_conflict, is_outage
from orchestration.engine.incidents.opening import CLOSE_BY_THEMSELVES, resolve_incidents
from orchestration.engine.messages.transport import knock
from orchestration.engine.steps.acting import Acted, Acting
from orchestration.engine.steps.ahead import Ahead
from orchestration.engine.steps.claims import UNCLAIMED, Claim, Delivery, StepMessage
from orchestration.engine.steps.failures import Failed, Unrecordable, record_failure
from orchestration.engine.steps.interruptions import as_failure
from orchestration.engine.steps.late import keep_late_result
from orchestration.engine.steps.leases import renewed
from orchestration.engine.steps.participants import Participant, participant_for
from orchestration.engine.steps.records import Ending, NextClaim, NotRecorded, record_ending
from orchestration.engine.steps.release import release_claim
from orchestration.errors import CommandNotBuilt, StepError
from orchestration.models import Saga, SagaStep
from orchestration.signals import tell_ended

logger = logging.getLogger(__name__)


MAY_HAVE_BEEN_TOLD = 1
"""After so many failed attempts an incident may be open that closes with success; before, nobody is asked."""


class Verdict(Enum):
    """What a delivery does with the links behind it."""

    CARRY_ON = "carry_on"
    """It recorded the step: the chain goes on."""
    STOP = "stop"
    """Refused, parked or superseded: somebody else carries on, or the heartbeat will."""
    ENDED = "ended"
    """The saga has ended with it: there is nothing to carry."""


class Attempt(Acting):
    """One step, and what comes of it."""

    following: Attempt | None = None
    """After `run`: the step this worker goes on with, if it does."""

    def __init__(
        self,
        participant: Participant,
        message: StepMessage,
        delivery: Delivery,
        claim: Claim,
        definition: SagaDefinition,
        ahead: Ahead | None,
    ) -> None:
        super().__init__(participant, message, delivery, claim, definition)
        self.ahead = ahead

    def run(self) -> Verdict:
        """Act and record.

        Raises:
            StepError: the step is given up, and that is recorded.
        """
        self.following = None
        external = self.participant.reference.is_external
        try:
            command = self.build()
            return self._external(command) if external else self._local(command)
        except BaseException as error:  # every error of a step is data for its policy
            return self.answer(as_failure(error))

    def answer(self, error: Exception) -> Verdict:
        """What follows from an attempt that was rolled back, or had no good end.

        Raises:
            StepError: the step is given up, and that is recorded.
        """
        if isinstance(error, NotRecorded):
            return self._superseded()
        if isinstance(error, DatabaseError):
            return self._database_failed(error)
        return self._failed(error)

    def _local(self, command: Message) -> Verdict:
        with renewed(self.claim, self.participant.reference.timeout):
            return self._in_one_transaction(command)

    @again_after_conflict
    def _in_one_transaction(self, command: Message) -> Verdict:
        with transaction.atomic():
            self.allow_its_time()
            acted = self.act_locally(command)
            verdict = self._record(command, acted, strict=True)
            self.reach(CrashPoint.RESULT_COMMITTING)
        self.reach(CrashPoint.RESULT_COMMITTING, committed=True)
        return verdict

    def _external(self, command: Message) -> Verdict:
        acted = self.act_outside(command)
        try:
            verdict = self._record_external(command, acted)
        except NotRecorded:
            keep_late_result(self.message, self.claim, self.participant, command, acted.result, self.context)
            return Verdict.STOP
        self.reach(CrashPoint.RESULT_COMMITTING, committed=True)
        return verdict

    @again_after_conflict
    def _record_external(self, command: Message, acted: Acted) -> Verdict:
        with transaction.atomic():
            if self.participant.save is not None and isinstance(acted.result, Message):
                self.participant.save(command, acted.result, self.context)
            verdict = self._record(command, acted, strict=False)
            self.reach(CrashPoint.RESULT_COMMITTING)
        return verdict

    def _record(self, command: Message, acted: Acted, *, strict: bool) -> Verdict:
        ending = self.ending(command, acted)
        rows, foreseen = self.look_ahead(ending)
        then = self.next_claim(foreseen)
        # Behind an external step a quick local one begins a transaction of several. Behind a local one that was done by itself,
        # because something had gone wrong, each is done by itself.
        unclaimed = then is not None and not strict and then.may_go_unclaimed
        recorded = record_ending(
            self.message.saga_id,
            self.message.epoch,
            self.claim,
            ending,
            strict=strict,
            resend_after=engine_settings().RESEND_AFTER_SECONDS,
            ends=isinstance(foreseen, Ends),
            then=None if unclaimed else then,
        )
        if self.claim.attempts >= MAY_HAVE_BEEN_TOLD or self.claim.token > 1:
            resolve_incidents(
                Saga(id=self.message.saga_id),
                step=self.message.step,
                kind=CLOSE_BY_THEMSELVES,
                by="engine",
                resolution="It worked at last.",
            )
        claim = UNCLAIMED if unclaimed and recorded.carries else recorded.claim
        if then is not None and claim is not None:
            self.following = self.follow(rows, ending, then, claim)
        if recorded.ended:
            tell_ended(self.message.saga_id, SagaState.COMPLETED.value)
            return Verdict.ENDED
        return Verdict.CARRY_ON if recorded.carries and not ending.skip_rest else Verdict.STOP

    def look_ahead(self, ending: Ending) -> tuple[dict[tuple[str, str], Known], Foreseen]:
        """The rows as they will be with this one recorded, and what follows then."""
        own = Known(ending.direction.value, ending.state, ending.result_type, ending.skip_rest)
        rows = {**self.delivery.rows, (ending.name, ending.direction.value): own}
        forward = ending.direction is Direction.FORWARD
        return rows, foresee(self.definition, rows) if forward else Unclear()

    def next_claim(self, foreseen: Foreseen) -> NextClaim | None:
        """What this worker goes straight on with."""
        return self.ahead.next_claim(self.definition, foreseen) if self.ahead is not None else None

    def follow(
        self, rows: dict[tuple[str, str], Known], ending: Ending, then: NextClaim, claim: Claim
    ) -> Attempt | None:
        """The attempt at the next step, with what this one has left behind."""
        participant = participant_for(then.task)
        if participant is None:
            return None
        results = self.delivery.results
        if ending.result is not None:
            results = {**results, ending.name: ending.result}
        own = self.message
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
        saga = {**self.delivery.saga, "state": SagaState.RUNNING.value}
        delivery = Delivery(saga, claim, results, rows)
        return Attempt(participant, message, delivery, claim, self.definition, self.ahead)

    def _superseded(self) -> Verdict:
        """A local step whose effect was called off: undo has begun, or a person has changed the course."""
        release_claim(self.claim)
        knock(self.message.saga_id)  # undo may be waiting for exactly this step
        return Verdict.STOP

    def _database_failed(self, error: Exception) -> Verdict:
        """After an error of the database, perhaps during commit: only the row knows whether it happened."""
        if not connection.in_atomic_block:
            connection.close()
        row = SagaStep.objects.get(id=self.claim.row_id)
        if row.token == self.claim.token and row.state in (StepState.DONE.value, StepState.NOT_NEEDED.value):
            return Verdict.CARRY_ON  # and what was claimed with it is claimed
        self.following = None
        return self._failed(error)

    def _failed(self, error: Exception) -> Verdict:
        self._say_loudly(error)
        decided = self._write_failure(error)
        if decided is not None and decided.final:
            raise decided.error from error
        return Verdict.STOP

    def _say_loudly(self, error: Exception) -> None:
        """Log what is no answer of a step but a bug in it, with its traceback: from the rows alone nobody would be called."""
        if is_outage(error) or is_conflict(error):
            return
        if isinstance(error, StepError) and not isinstance(error, CommandNotBuilt):
            return
        saga = self.delivery.saga
        logger.error(
            "saga %s %s (%s): %s (%s) failed in attempt %s: %s",
            saga["reference"] or saga["business_key"],
            self.message.saga_id,
            self.definition,
            self.message.step,
            self.message.direction.value,
            self.claim.attempts + 1,
            type(error).__name__,
            exc_info=error,
        )

    def _write_failure(self, error: Exception) -> Failed | None:
        """Record a failure. One that cannot be recorded as it is, is recorded as that, and a person is told."""
        facts = facts_of(self.command) if self.command is not None else None
        external = self.participant.reference.is_external
        try:
            return record_failure(
                self.message, self.claim, self.definition, error, external=external, input=facts
            )
        except Exception as unrecordable:
            if isinstance(unrecordable, DatabaseError) and not isinstance(
                unrecordable, DataError | IntegrityError | ProgrammingError
            ):
                raise  # the database is at fault, and not what is to be recorded
            logger.exception(
                "saga %s: a failure of %s cannot be recorded", self.message.saga_id, self.message.step
            )
            plain = Unrecordable(
                f"{self.message.step} failed with {type(error).__name__}, which cannot be recorded: {type(unrecordable).__name__}"
            )
            return record_failure(
                self.message, self.claim, self.definition, plain, external=external, input=None
            )
