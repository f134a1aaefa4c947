"""What the order page knows of a saga: plain values, read once. Pure: imports no Django."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from orchestration import Failure
from orchestration.core.definition.nodes import Nothing, Step
from orchestration.core.definition.saga_definition import SagaDefinition
from orchestration.core.planning.plan import pivot_has_begun
from orchestration.core.planning.standing import Effect, effect_of
from orchestration.core.planning.states import (
    FINISHED,
    FORWARD_STATES,
    TERMINAL,
    Direction,
    SagaState,
    StepState,
)
from orchestration.core.planning.views import SagaView, StepView


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFacts:
    """The newest row of one step or wait in one direction."""

    name: str
    direction: Direction = Direction.FORWARD
    state: StepState = StepState.DONE
    result_type: str | None = None
    result: Mapping[str, Any] = field(default_factory=dict)
    attempts: int = 1
    """That ended with an answer."""
    deliveries: int = 1
    """Claims, those of workers that died included."""
    unsure: bool = False
    started_at: datetime | None = None
    ended_at: datetime | None = None
    seq: int = 0
    """Number of the history row that recorded its end; 0 while it has none."""

    @property
    def is_finished(self) -> bool:
        """Whether what follows it may start."""
        return self.state in FINISHED

    @property
    def is_given_up(self) -> bool:
        """Whether only undo or a person follows."""
        return self.state in (StepState.REJECTED, StepState.FAILED)

    @property
    def deaths(self) -> int:
        """Deliveries that never answered, the one at work now excepted: their worker died or was lost."""
        return max(self.deliveries - self.attempts - (self.state is StepState.RUNNING), 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SagaFacts:
    """One saga and its rows, as of one moment."""

    state: SagaState
    steps: tuple[StepFacts, ...] = ()
    paused: bool = False
    failure: Failure | None = None
    turned_at: datetime | None = None
    """When it was decided to undo it."""

    @property
    def has_ended(self) -> bool:
        """Whether nothing will change any more."""
        return self.state in TERMINAL

    @property
    def is_turned(self) -> bool:
        """Whether it is being undone, or was."""
        return self.state not in FORWARD_STATES and self.state is not SagaState.COMPLETED

    def row(self, name: str, direction: Direction = Direction.FORWARD) -> StepFacts | None:
        """The row of a step in a direction, if there is one."""
        return next((r for r in self.steps if r.name == name and r.direction is direction), None)

    def is_done(self, name: str, direction: Direction = Direction.FORWARD) -> bool:
        """Whether a step has had its effect."""
        row = self.row(name, direction)
        return row is not None and row.state is StepState.DONE

    def going(self, direction: Direction) -> Iterator[StepFacts]:
        """The rows of one direction."""
        return (row for row in self.steps if row.direction is direction)

    def effect(self, name: str) -> Effect:
        """What has become of what a step did."""
        return effect_of({(row.name, row.direction.value): row.state.value for row in self.steps}, name)

    def needs_undo(self, step: Step) -> bool:
        """Whether a step has had an effect that has to be taken back."""
        return step.undo is not None and not isinstance(step.undo, Nothing) and self.is_done(step.name)

    def may_be_cancelled(self, definition: SagaDefinition | None) -> bool:
        """Whether `orders.services.cancelling` would agree now. A hint: the service decides under the saga's lock."""
        return (
            definition is not None
            and self.state in FORWARD_STATES
            and not pivot_has_begun(definition, self._view())
        )

    def _view(self) -> SagaView:
        rows = {
            (row.name, row.direction): StepView(
                name=row.name, direction=row.direction, state=row.state, unsure=row.unsure
            )
            for row in self.steps
        }
        return SagaView(state=self.state, paused=self.paused, steps=rows)
