"""What the planning core sees of the rows: plain values, read once, never written back."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from orchestration.core.planning.states import FINISHED, Direction, SagaState, StepState


@dataclass(frozen=True, slots=True, kw_only=True)
class StepView:
    """The newest generation of one row of a step."""

    name: str
    direction: Direction
    state: StepState
    external: bool = False
    unsure: bool = False
    """An attempt may have acted, and nobody has looked yet."""
    result_type: str | None = None
    skip_rest: bool = False
    late: bool = False
    """Its effect turned up, or may exist, after it had been settled as absent or the saga had ended."""
    due_at: datetime | None = None
    lease_until: datetime | None = None
    sent_at: datetime | None = None
    """When a message for it was last sent, while it is pending."""

    @property
    def is_finished(self) -> bool:
        """Whether what follows it may start."""
        return self.state in FINISHED


@dataclass(frozen=True, slots=True, kw_only=True)
class SagaView:
    """One saga and its rows, as of one moment."""

    state: SagaState
    paused: bool = False
    cause: str | None = None
    """Why it is being undone: the kind of its failure."""
    deadline: datetime | None = None
    awaited: Mapping[tuple[str, Direction], datetime] = field(default_factory=dict)
    """Steps whose message may still lie in its queue, and when to look again."""
    steps: Mapping[tuple[str, Direction], StepView] = field(default_factory=dict)

    def step(self, name: str, direction: Direction) -> StepView | None:
        """The newest row of a step in a direction, if there is one."""
        return self.steps.get((name, direction))

    def forward(self, name: str) -> StepView | None:
        """The newest forward row of a step or wait."""
        return self.steps.get((name, Direction.FORWARD))

    def with_nothing_over_before(self, moment: datetime, waits: Collection[str]) -> SagaView:
        """The same saga, with a deadline and time-outs that come at this moment at the earliest: for a clock that is in doubt."""
        return replace(
            self,
            deadline=max(self.deadline, moment) if self.deadline is not None else None,
            steps={
                key: replace(row, due_at=max(row.due_at, moment))
                if key[0] in waits and row.due_at is not None
                else row
                for key, row in self.steps.items()
            },
        )
