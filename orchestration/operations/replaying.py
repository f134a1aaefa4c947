"""Holding a saga's rows against its history: `manage.py saga replay`, and the proof that the history tells all."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from orchestration.core.planning.replay import SETTLED, Entry, Replayed, replay
from orchestration.models import Saga, SagaEvent, SagaStep


@dataclass(frozen=True, slots=True)
class Comparison:
    """A history beside the rows it should lead to."""

    rebuilt: Replayed
    differences: list[str] = field(default_factory=list)
    """One sentence each; empty when the history leads exactly here."""


def compare_with_history(saga_id: UUID) -> Comparison:
    """Replay a saga's history and compare. Reads only; wants one snapshot around it while the saga is at work.

    Raises:
        Saga.DoesNotExist: there is no such saga.
    """
    saga = Saga.objects.get(id=saga_id)
    rebuilt = replay(_entry(row) for row in SagaEvent.objects.filter(saga_id=saga_id).order_by("seq"))
    differences = list(rebuilt.faults)
    if rebuilt.state != saga.state:
        differences.append(f"the history leads to {rebuilt.state or 'nothing'}, the row says {saga.state}")
    if rebuilt.paused != saga.paused:
        differences.append(
            "the history says paused, the row not"
            if rebuilt.paused
            else "the row says paused, the history not"
        )
    if rebuilt.entries != saga.last_seq:
        differences.append(f"the history has {rebuilt.entries} entries, the row counts {saga.last_seq}")
    newest = {
        (row.name, row.direction): row.state
        for row in SagaStep.objects.filter(saga_id=saga_id).order_by("generation")
    }
    settled = {key: state for key, state in newest.items() if state in SETTLED}
    for name, direction in sorted(settled.keys() | rebuilt.steps.keys()):
        told, is_so = rebuilt.steps.get((name, direction)), settled.get((name, direction))
        asked_again = told == "failed" and newest.get((name, direction)) == "unknown"
        if told != is_so and not asked_again:
            row_says = newest.get((name, direction), "is missing")
            differences.append(
                f"{name} ({direction}): the history says {told or 'not settled'}, the row {row_says}"
            )
    return Comparison(rebuilt, differences)


def _entry(row: SagaEvent) -> Entry:
    return Entry(
        seq=row.seq,
        kind=row.kind,
        before=row.before,
        after=row.after,
        step=row.step,
        direction=row.direction,
        outcome=str(row.data.get("outcome", "")),
        adopted=bool(row.data.get("adopted", False)),
    )
