"""How far a worker goes on by itself: what it may do without a claim, and what it may do without waiting for a message."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from orchestration.conf import engine_settings
from orchestration.core.definition.references import StepReference
from orchestration.core.definition.saga_definition import SagaDefinition
from orchestration.core.planning.foresight import Follows, Foreseen
from orchestration.core.planning.states import Direction
from orchestration.engine.steps.participants import Participant, participant_for

TOGETHER_SECONDS = 0.05
"""After so long a transaction takes in no further step: others may wait for the rows it holds."""
SLOW_SECONDS = 1.0
"""A step that has taken longer is claimed, so that everybody sees it in progress, and nobody does it meanwhile."""
REMEMBERED_SECONDS = 60.0
"""How long a process remembers that."""

_slow: dict[str, float] = {}
"""Until when the steps of a task are claimed: moments of `time.monotonic`. One entry at most for each task."""


@dataclass(frozen=True, slots=True)
class NextStep:
    """The step that a worker goes straight on with, if nobody else has it."""

    step: str
    participant: Participant
    task_id: str
    may_go_unclaimed: bool


@dataclass(frozen=True, slots=True)
class Ahead:
    """What a worker may go on with by itself."""

    queues: frozenset[str]
    """Which it serves: only steps of these are its own to do."""
    began: float
    """Moment of `time.monotonic` from which the time it may take is counted."""
    task_ids: Callable[[], str]
    """Gives the next step a task id."""

    def next_step(self, definition: SagaDefinition, foreseen: Foreseen) -> NextStep | None:
        """The only step that follows, or the first of several that it can do quickly; None where messages do it better."""
        if not isinstance(foreseen, Follows):
            return None
        references = [definition.reference(step, Direction.FORWARD.value) for step in foreseen.steps]
        if len(references) > 1 and any(reference.is_external for reference in references):
            return None  # they wait for somebody else, and do that better at the same time
        if not all(self._may_do(reference, definition) for reference in references):
            return None
        participant = participant_for(references[0].task)
        if participant is None:
            return None
        return NextStep(foreseen.steps[0], participant, self.task_ids(), may_go_unclaimed(references[0]))

    def _may_do(self, reference: StepReference, definition: SagaDefinition) -> bool:
        seconds = (
            engine_settings().RUN_AHEAD_SECONDS if definition.run_ahead is None else definition.run_ahead
        )
        return (
            time.monotonic() < self.began + seconds
            and reference.queue in self.queues
            and participant_for(reference.task) is not None
        )


def lease_of(reference: StepReference) -> float:
    """Seconds for which a claim of a step holds: of a local one its whole timeout, because nobody renews it."""
    lease = engine_settings().LEASE_SECONDS
    return lease if reference.is_external else max(lease, reference.timeout)


def is_quick(reference: StepReference) -> bool:
    """Whether a step is a local one of ordinary length."""
    return not reference.is_external and reference.timeout <= engine_settings().LEASE_SECONDS


def may_go_unclaimed(reference: StepReference) -> bool:
    """Whether a step may be done without being claimed: it is quick, and was so when this process did it last."""
    return is_quick(reference) and _slow.get(reference.task, 0.0) <= time.monotonic()


def took(reference: StepReference, seconds: float) -> None:
    """Remember a step that was not quick after all."""
    if seconds > SLOW_SECONDS:
        _slow[reference.task] = time.monotonic() + REMEMBERED_SECONDS
