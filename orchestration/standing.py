"""What people have decided to leave as it is, read from the rows: effects that stay, and steps that were left out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from orchestration.core.planning.kinds import HistoryKind
from orchestration.core.planning.standing import kept_steps, left_out_steps
from orchestration.core.planning.states import Direction, StepState
from orchestration.models import Saga, SagaEvent, SagaStep


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftStanding:
    """One decision of a person that something is not done."""

    step: str
    stays: bool
    """True: the step's effect is there, and its undo was left out. False: the step itself was left out."""
    by: str
    reason: str
    at: datetime | None

    def __str__(self) -> str:
        what = "stays" if self.stays else "was left out"
        return f"{self.step} {what}: {self.by} has decided so ({self.reason})"


def left_standing(sagas: Collection[UUID] | None = None) -> dict[UUID, list[LeftStanding]]:
    """Return what was decided to be left, by saga; sagas without such a decision are not in it.

    One query where nothing was; three otherwise.

    Args:
        sagas: only of these; by default of all.
    """
    skipped = SagaStep.objects.filter(state=StepState.SKIPPED.value)
    if sagas is not None:
        skipped = skipped.filter(saga_id__in=sagas)
    concerned = set(skipped.order_by().values_list("saga_id", flat=True))
    if not concerned:
        return {}
    states: defaultdict[UUID, dict[tuple[str, str], str]] = defaultdict(dict)
    rows = SagaStep.objects.filter(saga_id__in=concerned).order_by("generation")  # the newest one wins
    for saga_id, name, direction, state in rows.values_list("saga_id", "name", "direction", "state"):
        states[saga_id][name, direction] = state
    decisions = {
        (entry.saga_id, entry.step, entry.direction == Direction.UNDO.value): entry
        for entry in SagaEvent.objects.filter(
            saga_id__in=concerned, kind__in=[HistoryKind.STEP_SKIPPED, HistoryKind.STEP_SKIPPED.late]
        ).order_by("seq")
    }

    def told(saga_id: UUID, step: str, *, stays: bool) -> LeftStanding:
        entry = decisions.get((saga_id, step, stays))
        return LeftStanding(
            step=step,
            stays=stays,
            by=entry.who if entry is not None else "somebody",
            reason=str(entry.data.get("reason", "")) if entry is not None else "",
            at=entry.at if entry is not None else None,
        )

    return {
        saga_id: [
            *(told(saga_id, step, stays=True) for step in kept_steps(its)),
            *(told(saga_id, step, stays=False) for step in left_out_steps(its)),
        ]
        for saga_id, its in states.items()
    }


def kept_by_business_key() -> dict[str, set[str]]:
    """Return the names of the steps whose effect stays by decision, by the business key of their saga."""
    return _by_business_key(stays=True)


def left_out_by_business_key() -> dict[str, set[str]]:
    """Return the names of the steps that were left out by decision, by the business key of their saga."""
    return _by_business_key(stays=False)


def _by_business_key(*, stays: bool) -> dict[str, set[str]]:
    found = {
        saga_id: {each.step for each in its if each.stays is stays}
        for saga_id, its in left_standing().items()
    }
    by_key: defaultdict[str, set[str]] = defaultdict(set)
    for saga_id, key in Saga.objects.filter(id__in=found).values_list("id", "business_key"):
        by_key[key] |= found[saga_id]
    return {key: steps for key, steps in by_key.items() if steps}
