"""What is written in a drawing: one wording for every format, so that two drawings of a flow never disagree."""

from __future__ import annotations

from orchestration.core.definition.nodes import Nothing, OnTimeout, Step, Wait
from orchestration.core.definition.references import StepReference
from orchestration.core.definition.saga_definition import SagaDefinition

NO_WAY_BACK = "no way back from here: what follows is only tried again"
AFTER_UNDO = "after undo"
ALL_UNDONE = "everything is undone"
UNDO_MARK = ":undo"
"""Key of an undo's state in a mapping of states: `payments.capture:undo` beside `payments.capture`."""

_UNITS = (("day", 86400), ("hour", 3600), ("minute", 60))


def title(definition: SagaDefinition) -> str:
    """The drawing's name, for people and screen readers."""
    return f"Saga {definition.name}, version {definition.version}"


def description(definition: SagaDefinition) -> str:
    """The drawing in sentences, for those who cannot see it."""
    flow = [node for node in definition.flow.walk() if isinstance(node, Step | Wait)]
    parts = [f"Started with {definition.input.__name__}.", " Then ".join(_told(node) for node in flow)]
    if definition.deadline is not None:
        parts.append(f"Undone if it takes longer than {duration(definition.deadline)}.")
    if definition.after_undo is not None:
        closing = [node.name for node in definition.after_undo.walk() if isinstance(node, Step)]
        parts.append(f"When everything is undone: {', '.join(closing)}.")
    return " ".join(parts)


def undo_name(step: Step) -> str | None:
    """Name of a step's compensation; None when there is none."""
    return step.undo.task if isinstance(step.undo, StepReference) else None


def undo_reason(step: Step) -> str | None:
    """Why a step needs no compensation, where its author says so."""
    return f"no undo: {step.undo.why}" if isinstance(step.undo, Nothing) else None


def under_name(step: Step) -> str:
    """The small print of a step: where it acts, on which queue."""
    where = "external" if step.reference.is_external else "local"
    return f"{where} · queue {step.reference.queue}"


def under_wait(wait: Wait) -> str:
    """The small print of a wait."""
    after = "undo" if wait.otherwise is OnTimeout.GIVE_UP else "tell a person"
    return f"within {duration(wait.within)}, otherwise {after}"


def duration(seconds: float) -> str:
    """Seconds in the largest unit that divides them: `3 days`, `90 seconds`."""
    for unit, size in _UNITS:
        if seconds >= size and seconds % size == 0:
            return _plural(int(seconds // size), unit)
    return _plural(int(seconds) if seconds == int(seconds) else seconds, "second")


def _plural(number: float, unit: str) -> str:
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


def _told(node: Step | Wait) -> str:
    if isinstance(node, Wait):
        return f"wait for {node.event} {under_wait(node)}."
    undo = undo_name(node)
    told = f"{node.name}, undone by {undo}." if undo else f"{node.name}."
    return told[:-1] + ", the point of no return." if node.pivot else told
