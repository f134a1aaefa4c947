"""What follows a step, told before it is recorded: so that its record can end the saga, or claim the next step, as well.

Pure, and remembered: sagas of one definition take the same few ways. It only answers where the rows leave no doubt.
Everything else (another branch at work, a retry, an undo, a wait) is for `plan`, under the saga's lock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from orchestration.core.definition.saga_definition import SagaDefinition
from orchestration.core.memo import Memo
from orchestration.core.planning.frontier import Measure, Ready
from orchestration.core.planning.states import FINISHED, Direction, SagaState, StepState
from orchestration.core.planning.views import SagaView, StepView

_NO_MOMENT = datetime(1970, 1, 1, tzinfo=UTC)


class Known(NamedTuple):
    """What is known of the newest row of a step in one direction. A tuple: its hash is asked for at every step, of every row."""

    direction: str
    state: str
    result_type: str | None = None
    skip_rest: bool = False
    late: bool = False
    unsure: bool = False


Rows = Mapping[tuple[str, str], Known]
"""By name and direction."""


@dataclass(frozen=True, slots=True)
class Ends:
    """Nothing follows: with this step the saga is completed."""


@dataclass(frozen=True, slots=True)
class Follows:
    """These steps may be claimed, none of them has a row yet, and nothing else is on its way."""

    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unclear:
    """Only the rows under the saga's lock can tell."""


Foreseen = Ends | Follows | Unclear

_UNCLEAR = Unclear()
_remembered: Memo[Foreseen] = Memo()


def foresee(definition: SagaDefinition, rows: Rows) -> Foreseen:
    """Say what follows in a saga that goes forward and has these rows. Pure: same arguments, same answer.

    Args:
        definition: the version the saga was started with.
        rows: all rows of the saga, with the step that is about to be recorded as it will be.
    """
    key = (definition.fingerprint, frozenset(rows.items()))
    return _remembered.get(key, lambda: _foresee(definition, rows))


def _foresee(definition: SagaDefinition, rows: Rows) -> Foreseen:
    for row in rows.values():
        if row.direction != Direction.FORWARD.value or row.state not in FINISHED or row.late or row.skip_rest:
            return _UNCLEAR
    view = SagaView(
        state=SagaState.RUNNING,
        steps={
            (name, Direction.FORWARD): StepView(
                name=name,
                direction=Direction.FORWARD,
                state=StepState(row.state),
                result_type=row.result_type,
            )
            for (name, _), row in rows.items()
        },
    )
    frontier = Measure(view, Direction.FORWARD, _NO_MOMENT, timedelta(0)).frontier(definition.flow)
    if not frontier:
        # Events that are parked for a saga with waits have to be told that it ends.
        return _UNCLEAR if definition.waits else Ends()
    steps = tuple(item.step for item in frontier if isinstance(item, Ready))
    return Follows(steps) if len(steps) == len(frontier) else _UNCLEAR
