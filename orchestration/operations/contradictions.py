"""What has happened in a saga that its definition, changed under the same version, cannot be held against. Reads only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

from pydantic import ValidationError

from orchestration.core.definition.nodes import Choice, Wait
from orchestration.core.definition.order import ordered_names
from orchestration.core.definition.saga_definition import SagaDefinition
from orchestration.core.doubtful import doubtful_choice, is_behind, names_in
from orchestration.core.planning.frontier import Measure, Ready, Unopened
from orchestration.core.planning.kinds import HistoryKind
from orchestration.core.planning.states import FINISHED, FORWARD_STATES, Direction, SagaState, StepState
from orchestration.engine.flow.misfits import fitted
from orchestration.engine.rows.reading import database_now, view_of
from orchestration.models import InboxMessage, Saga, SagaStep
from orchestration.sentences import findings

Rows = Mapping[tuple[str, Direction], SagaStep]


def contradictions(saga: Saga, definition: SagaDefinition, rows: Rows) -> Iterator[str]:
    """Name each. A query for a saga whose flow waits for events, and one more for each wait that is open."""
    for (name, direction), row in rows.items():
        if name not in definition.steps and name not in definition.waits:
            yield f"step {name}, which it has begun, is gone"
        elif StepState(row.state) not in FINISHED and (
            told := _performed_otherwise(row, direction, definition)
        ):
            yield told
    if SagaState(saga.state) in FORWARD_STATES:
        ahead = _Ahead(saga, definition, rows)
        yield from ahead.put_before()
        yield from ahead.chosen_otherwise()
        yield from _waits_for_another(saga, definition, rows)
        yield from _came_in_vain(saga, definition)


def _performed_otherwise(row: SagaStep, direction: Direction, definition: SagaDefinition) -> str:
    if row.name in definition.waits:
        return "" if row.task == "" else f"step {row.name}, which is under way, is a wait now"
    if row.task == "":
        return f"wait {row.name}, which is open, is a step now"
    try:
        task = definition.reference(row.name, direction.value).task
    except LookupError:
        return f"the undo of {row.name}, which is under way, is gone"
    return (
        ""
        if task == row.task
        else f"{row.name} ({direction.value}) is under way as {row.task}, and is {task} now"
    )


class _Ahead:
    """The flow of today, measured against what a saga that goes forward has begun."""

    def __init__(self, saga: Saga, definition: SagaDefinition, rows: Rows) -> None:
        self.definition, self.rows = definition, rows
        self.view = view_of(saga, definition, dict(rows))
        self.measure = Measure(self.view, Direction.FORWARD, database_now(), timedelta())
        self.begun = {name for name, direction in rows if direction is Direction.FORWARD}
        self.order = ordered_names(definition.flow)

    def put_before(self) -> Iterator[str]:
        """What would be next, and stands before something that it has begun."""
        for item in self.measure.frontier(self.definition.flow):
            name = (
                item.wait.name
                if isinstance(item, Unopened)
                else item.step
                if isinstance(item, Ready)
                else None
            )
            if name is None or name in self.begun:
                continue
            if overtaken := sorted(later for later in self.begun if (name, later) in self.order):
                yield f"{name} was put before {', '.join(overtaken)}, which it has begun already"

    def chosen_otherwise(self) -> Iterator[str]:
        """Choices that are not behind, and would go another way than the result that is stored has said."""
        for node in self.definition.flow.walk():
            decided = self.view.forward(node.on) if isinstance(node, Choice) else None
            if not isinstance(node, Choice) or decided is None or decided.state is not StepState.DONE:
                continue
            if is_behind(self.definition, self.view, self.measure, node):
                continue
            left = [branch for kind, branch in node.branches if kind.__name__ != decided.result_type]
            strays = [name for branch in left for name in names_in(branch) if name in self.begun]
            if strays:
                yield (
                    f"{', '.join(strays)}, which it has begun, is in a branch that {decided.result_type} of {node.on} "
                    "does not take any more"
                )
                return
        if told := doubtful_choice(self.definition, self.view, self.measure):
            yield told


def _waits_for_another(saga: Saga, definition: SagaDefinition, rows: Rows) -> Iterator[str]:
    """Waits that were opened for an event of another type: its sender may have sent it, or be older than this code."""
    for name, wait in definition.waits.items():
        row = rows.get((name, Direction.FORWARD))
        if row is None or row.task or row.state != StepState.WAITING.value:
            continue
        opened = saga.history.filter(kind=HistoryKind.WAIT_OPENED, step=name).last()
        if opened is not None and (event := opened.data.get("event", wait.event)) != wait.event:
            yield (
                f"wait {name}, which is open, was for {event} and is for {wait.event} now: one that is under way would not fit it"
            )


def _came_in_vain(saga: Saga, definition: SagaDefinition) -> Iterator[str]:
    """Events that came before their wait was opened, and that no wait of today would take."""
    for message in InboxMessage.objects.filter(deliveries__saga=saga, deliveries__state="parked"):
        waits = definition.waits_for(message.type)
        unfit = [told for wait in waits if (told := _unfit(wait, message))]
        if not waits:
            yield f"event {message.type} has come for it already, and no wait is for that type any more"
        elif len(unfit) == len(waits):
            yield f"event {message.type} has come for it already, and does not fit {unfit[0]}"


def _unfit(wait: Wait, message: InboxMessage) -> str:
    try:
        fitted(wait, message.envelope)
    except ValidationError as error:
        fields = (str(each["loc"][0]) for each in error.errors() if each["loc"])
        return f"{wait.name} any more: {', '.join(fields) or '; '.join(findings(error))}"
    return ""
