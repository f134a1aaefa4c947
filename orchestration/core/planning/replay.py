"""Rebuilding a saga from its history alone: what it was at the end of each entry, and where the history contradicts itself.

Pure. The rows are what the engine works on; that replaying the history gives the same is the proof that nothing was
changed behind its back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from orchestration.core.planning.kinds import MAY_BE_LATE, HistoryKind
from orchestration.core.planning.states import TERMINAL, TRANSITIONS, Direction, SagaState, StepState

LATE: Mapping[str, str] = {kind.late: kind.value for kind in MAY_BE_LATE}
"""Kinds of entries as they are stored after the end -> what they mean."""

ANNOTATIONS = frozenset(
    {
        HistoryKind.LATE_RESULT.value,
        HistoryKind.LATE_FAILURE.value,
        HistoryKind.EVENT_IGNORED.value,
        HistoryKind.EVENT_MISFIT.value,
        *LATE,
    }
)
"""Kinds of entries that may follow the end of a saga: they tell of something that came too late, and never of its state."""

_OUTCOMES: Mapping[str, StepState] = {
    HistoryKind.STEP_DONE: StepState.DONE,
    HistoryKind.STEP_UNDONE: StepState.DONE,
    HistoryKind.UNDO_NOT_NEEDED: StepState.NOT_NEEDED,
    HistoryKind.STEP_SKIPPED: StepState.SKIPPED,
    HistoryKind.STEP_REJECTED: StepState.REJECTED,
    HistoryKind.STEP_FAILED: StepState.FAILED,
    HistoryKind.EVENT_APPLIED: StepState.DONE,
}
"""Kinds of entries that settle a step, and as what."""

SETTLED = frozenset({*_OUTCOMES.values(), StepState.ABSENT})
"""States of a step that only an entry of the history can have brought about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of a history, as the replay sees it."""

    seq: int
    kind: str
    before: str = ""
    after: str = ""
    step: str = ""
    direction: str = ""
    outcome: str = ""
    """Of `outcome_settled`: the state the step was settled as."""
    adopted: bool = False
    """Of `late_result` and `late_failure`: whether the effect was taken over, to be undone, or to be settled first."""


@dataclass(slots=True)
class Replayed:
    """What a history leads to."""

    state: str = ""
    paused: bool = False
    entries: int = 0
    steps: dict[tuple[str, str], str] = field(default_factory=dict)
    """(name, direction) -> state, of settled steps."""
    faults: list[str] = field(default_factory=list)
    """Where the history contradicts itself or the table of transitions."""


def replay(history: Iterable[Entry]) -> Replayed:
    """Rebuild a saga from its entries, which come in the order of their numbers."""
    rebuilt = Replayed()
    for entry in history:
        rebuilt.entries += 1
        if entry.seq != rebuilt.entries:
            rebuilt.faults.append(f"entry {rebuilt.entries} is missing: the next is {entry.seq}")
            rebuilt.entries = entry.seq
        if _has_ended(rebuilt.state) and entry.kind not in ANNOTATIONS:
            rebuilt.faults.append(f"{entry.seq}. {entry.kind} comes after the saga had ended")
        if entry.after:
            _change(rebuilt, entry)
        if entry.kind in (HistoryKind.PAUSED, HistoryKind.UNPAUSED):
            rebuilt.paused = entry.kind == HistoryKind.PAUSED
        _settle(rebuilt, entry)
    return rebuilt


def _change(rebuilt: Replayed, entry: Entry) -> None:
    where = f"{entry.seq}. {entry.kind}"
    if entry.before != rebuilt.state:
        rebuilt.faults.append(
            f"{where} says before: {entry.before or 'nothing'}, it was {rebuilt.state or 'nothing'}"
        )
    if not is_permitted(entry.before, entry.after):
        rebuilt.faults.append(
            f"{where} goes from {entry.before or 'nothing'} to {entry.after}, which is not permitted"
        )
    rebuilt.state = entry.after


def is_permitted(before: str, after: str) -> bool:
    """Whether the table permits a change of state; a history begins with nothing -> accepted."""
    if not before:
        return after == SagaState.ACCEPTED.value
    known = {state.value: {to.value for to in following} for state, following in TRANSITIONS.items()}
    return after in known.get(before, set())


def _settle(rebuilt: Replayed, entry: Entry) -> None:
    direction = entry.direction or Direction.FORWARD.value
    key = (entry.step, direction)
    kind = LATE.get(entry.kind, entry.kind)
    if kind == HistoryKind.RETRY_ASKED or (kind == HistoryKind.LATE_FAILURE and entry.adopted):
        rebuilt.steps.pop(key, None)
    elif kind in _OUTCOMES:
        rebuilt.steps[key] = _OUTCOMES[kind].value
    elif kind == HistoryKind.OUTCOME_SETTLED and entry.outcome in SETTLED:
        rebuilt.steps[key] = entry.outcome
    elif kind == HistoryKind.LATE_RESULT and entry.adopted:
        rebuilt.steps[key] = StepState.DONE.value


def _has_ended(state: str) -> bool:
    return state in {terminal.value for terminal in TERMINAL}
