"""What a worker that has recorded a step may go straight on with, instead of waiting for its message."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from orchestration.conf import engine_settings
from orchestration.core.definition.references import StepReference
from orchestration.core.definition.saga_definition import SagaDefinition
from orchestration.core.planning.foresight import Follows, Foreseen
from orchestration.core.planning.states import Direction
from orchestration.engine.steps.participants import participant_for
from orchestration.engine.steps.quick import may_go_unclaimed
from orchestration.engine.steps.records import NextClaim


@dataclass(frozen=True, slots=True)
class Ahead:
    """What a worker may go on with by itself."""

    queues: frozenset[str]
    """Which it serves: only steps of these are its own to do."""
    began: float
    """Moment of `time.monotonic` from which the time it may take is counted."""
    task_ids: Callable[[], str]
    """Gives the next step a task id."""

    def may_do(self, reference: StepReference, definition: SagaDefinition) -> bool:
        """Whether a step is this worker's to do, now."""
        seconds = (
            engine_settings().RUN_AHEAD_SECONDS if definition.run_ahead is None else definition.run_ahead
        )
        return (
            time.monotonic() < self.began + seconds
            and reference.queue in self.queues
            and participant_for(reference.task) is not None
        )

    def next_claim(self, definition: SagaDefinition, foreseen: Foreseen) -> NextClaim | None:
        """The only step that follows, or the first of several that it can do quickly; None where messages do it better."""
        if not isinstance(foreseen, Follows):
            return None
        references = [definition.reference(step, Direction.FORWARD.value) for step in foreseen.steps]
        if len(references) > 1 and any(reference.is_external for reference in references):
            return None  # they wait for somebody else, and do that better at the same time
        if not all(self.may_do(reference, definition) for reference in references):
            return None
        first = references[0]
        return NextClaim(
            foreseen.steps[0],
            first.task,
            self.task_ids(),
            first.is_external,
            lease_of(first),
            may_go_unclaimed(first),
        )


def lease_of(reference: StepReference) -> float:
    """Seconds for which a claim of a step holds: of a local one its whole timeout, because nobody renews it."""
    lease = engine_settings().LEASE_SECONDS
    return lease if reference.is_external else max(lease, reference.timeout)
