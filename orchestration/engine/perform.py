"""Performing one delivery of a step: claim, act, record. The only place where a participant's function is called.

Local: effect and record share one transaction. External: no transaction is open during the call, its result is
recorded under the fencing token, and an earlier attempt of unknown outcome is looked up before it is repeated.
"""

from __future__ import annotations

from enum import Enum

from django.db import Error as DatabaseError
from django.db import connection, transaction
from pydantic import ValidationError

from orchestration.conf import engine_settings
from orchestration.core import registry
from orchestration.core.binding import build_command
from orchestration.core.definition import SagaDefinition
from orchestration.core.outcome import NOT_NEEDED, NotNeeded
from orchestration.core.references import Message
from orchestration.core.states import FINISHED, Direction, StepState
from orchestration.crash_points import reach
from orchestration.engine.claims import Claim, Delivery, StepMessage, claim_step
from orchestration.engine.conflicts import again_after_conflict
from orchestration.engine.contexts import context_for
from orchestration.engine.failures import Failed, give_up_killer, record_failure
from orchestration.engine.incidents import resolve_incidents
from orchestration.engine.late import keep_late_result
from orchestration.engine.leases import renewed
from orchestration.engine.participants import Participant
from orchestration.engine.records import Ending, NotRecorded, record_ending
from orchestration.engine.release import release_claim
from orchestration.engine.transport import knock
from orchestration.errors import SkipRest, StepRejected, UnknownDefinition
from orchestration.models import Saga, SagaStep


class Verdict(Enum):
    """What the delivery does with the links behind it."""

    CARRY_ON = "carry_on"
    """It recorded the step: the chain goes on."""
    STOP = "stop"
    """Refused, parked or superseded: somebody else carries on, or the heartbeat will."""


def perform(participant: Participant, message: StepMessage) -> Verdict:
    """Perform one delivery. Idempotent by (saga, step, direction, generation); may be called any number of times.

    Raises:
        StepError: the step is given up, and that is recorded; the task is to fail so that `link_error` knocks.
    """
    undoes = message.direction is Direction.UNDO
    reach("K6", about=[message.saga_id], direction=message.direction, step=message.step)
    reference = participant.reference
    lease = engine_settings().LEASE_SECONDS
    if not reference.is_external:
        lease = max(lease, reference.timeout)  # nobody renews a local step's lease
    delivery = claim_step(message, task=reference.task, external=reference.is_external, lease=lease)
    if delivery is None or delivery.claim is None:
        return _refused(message, delivery)
    try:
        definition = registry.find(delivery.saga["definition"], delivery.saga["version"])
    except UnknownDefinition:
        release_claim(delivery.claim)
        return Verdict.STOP
    if delivery.claim.deliveries - delivery.claim.attempts > engine_settings().MAX_CRASHES:
        raise give_up_killer(message.saga_id, delivery.claim.row_id, definition)
    reach("K13" if undoes else "K7", about=[message.saga_id], direction=message.direction, step=message.step)
    return _Attempt(participant, message, delivery, delivery.claim, definition).run()


def _refused(message: StepMessage, delivery: Delivery | None) -> Verdict:
    """A refused delivery stops, except a redelivery whose first run died between its record and the next link.

    It carries on only while the next step is unclaimed: otherwise doubled messages would grow to two to the n.
    """
    if delivery is None or not message.redelivered or delivery.saga["epoch"] != message.epoch:
        return Verdict.STOP
    if delivery.known_state not in FINISHED:
        return Verdict.STOP
    following = SagaStep.objects.filter(
        saga_id=message.saga_id, name=message.next_step or "", direction=message.direction.value
    )
    claimed = following.exclude(state=StepState.PENDING.value).exists()
    return Verdict.STOP if claimed else Verdict.CARRY_ON


class _Attempt:
    def __init__(
        self,
        participant: Participant,
        message: StepMessage,
        delivery: Delivery,
        claim: Claim,
        definition: SagaDefinition,
    ) -> None:
        self.participant, self.message, self.claim, self.definition = participant, message, claim, definition
        self.saga, self.results = delivery.saga, delivery.results
        self.context = context_for(message, delivery.saga, claim)
        self.command: Message | None = None

    def run(self) -> Verdict:
        external = self.participant.reference.is_external
        try:
            step = self.definition.steps[self.message.step]
            takes = self.participant.reference.takes
            self.command = build_command(self.definition, step, takes, self.saga["input"], self.results)
        except ValidationError as error:
            # No retry can mend a command that cannot be built.
            return self._failed(
                StepRejected(
                    f"the command for {self.message.step} cannot be built: {error}", code="bad_command"
                )
            )
        try:
            return self._external(self.command) if external else self._local(self.command)
        except NotRecorded:
            return self._superseded()
        except DatabaseError as error:
            return self._database_failed(error)
        except Exception as error:  # every other error of a step is data for its policy
            return self._failed(error)

    @again_after_conflict
    def _local(self, command: Message) -> Verdict:
        with transaction.atomic():
            self._allow_its_time()
            skip_rest = False
            try:
                result = self.participant.perform_action(command, self.context)
            except SkipRest:
                result, skip_rest = None, True
            self._reach_effect()
            carries = self._record(command, result, strict=True, skip_rest=skip_rest)
            self._reach("K9")
        self._reach("K9", committed=True)
        return Verdict.CARRY_ON if carries else Verdict.STOP

    def _allow_its_time(self) -> None:
        """A long step may compute within its transaction for as long as it has said, whatever connections are allowed."""
        timeout = self.participant.reference.timeout
        if timeout > engine_settings().LEASE_SECONDS:  # no statement more for a step of ordinary length
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL idle_in_transaction_session_timeout = %s", [f"{timeout:.0f}s"])

    def _external(self, command: Message) -> Verdict:
        skip_rest = False
        with renewed(self.claim, self.participant.reference.timeout):
            result: Message | NotNeeded | None = None
            if self.claim.unsure and self.participant.find is not None:
                result = self.participant.find(command, self.context)
            if result is None:
                try:
                    result = self.participant.perform_action(command, self.context)
                except SkipRest:
                    skip_rest = True
        self._reach_effect()
        try:
            carries = self._record_external(command, result, skip_rest)
        except NotRecorded:
            keep_late_result(self.message, self.claim, self.participant, command, result, self.context)
            return Verdict.STOP
        self._reach("K9", committed=True)
        return Verdict.CARRY_ON if carries else Verdict.STOP

    @again_after_conflict
    def _record_external(self, command: Message, result: Message | NotNeeded | None, skip_rest: bool) -> bool:
        with transaction.atomic():
            if self.participant.save is not None and isinstance(result, Message):
                self.participant.save(command, result, self.context)
            carries = self._record(command, result, strict=False, skip_rest=skip_rest)
            self._reach("K9")
        return carries

    def _reach(self, point: str, *, committed: bool = False) -> None:
        reach(
            point,
            about=[self.message.saga_id],
            direction=self.message.direction,
            step=self.message.step,
            committed=committed,
        )

    def _reach_effect(self) -> None:
        self._reach("K14" if self.message.direction is Direction.UNDO else "K8")

    def _record(
        self, command: Message, result: Message | NotNeeded | None, *, strict: bool, skip_rest: bool
    ) -> bool:
        needed = result is not NOT_NEEDED
        message = result if isinstance(result, Message) else None
        self.participant.check_result(message)
        step = self.definition.steps[self.message.step]
        ending = Ending(
            name=self.message.step,
            direction=self.message.direction,
            state=(StepState.DONE if needed else StepState.NOT_NEEDED).value,
            input=command.model_dump(mode="json"),
            result=message.model_dump(mode="json") if message is not None else None,
            result_type=type(message).__name__ if message is not None else None,
            milestone=(step.milestone or "") if self.message.direction is not Direction.UNDO else "",
            skip_rest=skip_rest,
        )
        carries = record_ending(
            self.message.saga_id,
            self.message.epoch,
            self.claim,
            ending,
            strict=strict,
            resend_after=engine_settings().RESEND_AFTER_SECONDS,
        )
        if self.claim.attempts >= engine_settings().INCIDENT_AFTER_ATTEMPTS:
            saga = Saga(id=self.message.saga_id)
            resolve_incidents(
                saga,
                step=self.message.step,
                kind="step_struggles",
                by="engine",
                resolution="It worked at last.",
            )
        return carries and not skip_rest

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
            return Verdict.CARRY_ON
        return self._failed(error)

    def _failed(self, error: Exception) -> Verdict:
        external = self.participant.reference.is_external
        given = self.command.model_dump(mode="json") if self.command is not None else None
        decided: Failed | None = record_failure(
            self.message, self.claim, self.definition, error, external=external, input=given
        )
        if decided is not None and decided.final:
            raise decided.error from error
        return Verdict.STOP
