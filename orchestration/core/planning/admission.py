"""Whose turn it is: which steps a delivery may act for, given the rows that it was loaded with.

A message says for which step it is sent, never that it is due. Whoever can write to a queue can name any step, and so can a
message that was delayed, copied or kept from last year: what decides is the flow. Pure, and remembered: sagas of one definition
take the same few ways.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from orchestration.core.definition.saga_definition import SagaDefinition
from orchestration.core.memo import Memo
from orchestration.core.planning.foresight import Rows
from orchestration.core.planning.frontier import Busy, Frontier, Measure, Ready, skips_rest
from orchestration.core.planning.states import FORWARD_STATES, Direction, SagaState, StepState
from orchestration.core.planning.undoing import is_settled, late_steps, undo_frontier
from orchestration.core.planning.views import SagaView, StepView

_NO_MOMENT = datetime(1970, 1, 1, tzinfo=UTC)
"""Times are the claim's to check: a step whose turn it is may still have to wait for its retry."""

Turn = tuple[str, Direction]
_remembered: Memo[frozenset[Turn]] = Memo()


def is_its_turn(
    definition: SagaDefinition, state: SagaState, rows: Rows, *, step: str, direction: Direction, task: str
) -> bool:
    """Say whether a delivery may act. Pure: same arguments, same answer.

    Args:
        definition: the version the saga was started with.
        state: the state of the saga.
        rows: all rows of the saga, as the look or the claim returned them.
        step: the step that the message names.
        direction: the direction that the message names.
        task: the Celery task that received the message: it must be the one that performs the step in this direction.
    """
    key = (definition.fingerprint, state, frozenset(rows.items()))
    if (step, direction) not in _remembered.get(key, lambda: whose_turn(definition, state, rows)):
        return False
    return definition.reference(step, direction.value).task == task


def whose_turn(definition: SagaDefinition, state: SagaState, rows: Rows) -> frozenset[Turn]:
    """Return the steps that a delivery may act for in a saga of this state with these rows. Pure."""
    saga = _view(definition, state, rows)
    if state in FORWARD_STATES:
        frontier = _measure(saga, Direction.FORWARD).frontier(definition.flow)
        named = _named(frontier, Direction.FORWARD)
        if skips_rest(saga):
            # The rest is skipped; only a branch that may have acted already is brought to its end.
            return frozenset(turn for turn in named if _may_have_acted(rows, turn))
        return named
    if state is SagaState.COMPENSATING:
        return _turns_of_undo(definition, saga)
    late = late_steps(saga)
    if (
        not late
        or state in (SagaState.COMPLETED, SagaState.UNDO_FAILED)
        or not is_settled(definition, saga, late)
    ):
        return frozenset()
    return _named(
        undo_frontier(definition, saga, _measure(saga, Direction.UNDO), only=late).frontier, Direction.UNDO
    )


def _turns_of_undo(definition: SagaDefinition, saga: SagaView) -> frozenset[Turn]:
    if not is_settled(definition, saga):
        return frozenset()
    undo = undo_frontier(definition, saga, _measure(saga, Direction.UNDO))
    if undo.frontier:
        return frozenset() if undo.stops else _named(undo.frontier, Direction.UNDO)
    if undo.is_stuck or definition.after_undo is None:
        return frozenset()
    after = _measure(saga, Direction.AFTER_UNDO).frontier(definition.after_undo)
    return _named(after, Direction.AFTER_UNDO)


def _named(frontier: Frontier, direction: Direction) -> frozenset[Turn]:
    return frozenset((item.step, direction) for item in frontier if isinstance(item, Ready | Busy))


def _measure(saga: SagaView, direction: Direction) -> Measure:
    return Measure(saga, direction, _NO_MOMENT, timedelta(0))


def _may_have_acted(rows: Rows, turn: Turn) -> bool:
    row = rows.get((turn[0], turn[1].value))
    return row is not None and (row.unsure or row.state in (StepState.RUNNING.value, StepState.UNKNOWN.value))


def _view(definition: SagaDefinition, state: SagaState, rows: Rows) -> SagaView:
    return SagaView(
        state=state,
        steps={
            (name, Direction(way)): StepView(
                name=name,
                direction=Direction(way),
                state=StepState(row.state),
                unsure=row.unsure,
                result_type=row.result_type,
                skip_rest=row.skip_rest,
                late=row.late,
            )
            for (name, way), row in rows.items()
        },
    )
