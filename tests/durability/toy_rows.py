"""The rows of the toy: one saga on plain values, written as `engine/flow/advance.py` and the records would."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from orchestration.core.definition.saga_definition import SagaDefinition
from orchestration.core.planning.admission import is_its_turn
from orchestration.core.planning.canvas import Call
from orchestration.core.planning.foresight import Known
from orchestration.core.planning.states import FORWARD_STATES, TRANSITIONS, Direction, SagaState, StepState
from orchestration.core.planning.views import SagaView, StepView
from tests.durability.toy_answers import Answer, Flight

FORWARD, UNDO = Direction.FORWARD, Direction.UNDO


@dataclass
class ToySaga:
    """One saga on plain values: its rows, its messages, the attempts under way, and what the test is told."""

    definition: SagaDefinition
    answers: list[Answer]
    choices: list[int]
    cancel_at: int | None = None
    state: SagaState = SagaState.RUNNING
    cause: str | None = None
    epoch: int = 1
    now: datetime = field(default_factory=lambda: datetime(2026, 1, 1, tzinfo=UTC))
    rows: dict[tuple[str, Direction], StepView] = field(default_factory=dict)
    mail: list[tuple[int, Call]] = field(default_factory=list)
    flights: list[Flight] = field(default_factory=list)
    performed: list[tuple[str, Direction]] = field(default_factory=list)
    effects: list[tuple[str, Direction]] = field(default_factory=list)
    finished: list[str] = field(default_factory=list)
    begun: list[tuple[str, int]] = field(default_factory=list)
    """(step, how many were finished when its first attempt began)."""
    told: list[str] = field(default_factory=list)
    undone_too_early: list[str] = field(default_factory=list)
    sent_twice: list[str] = field(default_factory=list)
    sent_in_vain: list[str] = field(default_factory=list)
    """Steps that were sent although their delivery would be refused."""
    forged: bool = False
    """Whether somebody sends every step all the time."""
    escalated: bool = False

    def finished_before(self, before: str, after: str) -> bool:
        """Whether a step was finished when the first attempt of another began."""
        number = next(number for name, number in self.begun if name == after)
        return before in self.finished[:number]

    def turn(self, kind: str) -> None:
        assert SagaState.COMPENSATING in TRANSITIONS[self.state]
        self.state, self.cause, self.epoch = SagaState.COMPENSATING, kind, self.epoch + 1
        # A local step that undo overtakes is called off at its record.
        for flight in [each for each in self.flights if not self.external(each.call)]:
            self.flights.remove(flight)
            self.write(flight.call.step, FORWARD, StepState.PENDING)

    def external(self, call: Call) -> bool:
        return self.definition.reference(call.step, call.direction.value).is_external

    def is_admitted(self, call: Call) -> bool:
        """Whether a delivery may act, by the rows as a claim would return them."""
        rows = {
            (name, way.value): Known(
                way.value, row.state.value, row.result_type, row.skip_rest, row.late, row.unsure
            )
            for (name, way), row in self.rows.items()
        }
        task = self.definition.reference(call.step, call.direction.value).task
        return is_its_turn(
            self.definition, self.state, rows, step=call.step, direction=call.direction, task=task
        )

    def waits(self) -> list[StepView]:
        return (
            [row for (name, _), row in self.rows.items() if name in self.definition.waits]
            if self.state in FORWARD_STATES
            else []
        )

    def write(self, name: str, direction: Direction, state: StepState, **more: object) -> None:
        external = name in self.definition.steps and self.definition.steps[name].reference.is_external
        self.rows[name, direction] = StepView(
            name=name,
            direction=direction,
            state=state,
            external=external,
            **more,  # type: ignore[arg-type]
        )

    def view(self) -> SagaView:
        return SagaView(state=self.state, cause=self.cause, steps=dict(self.rows))
