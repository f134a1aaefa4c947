"""The commands that people are told to type: complete, with the number of their saga, and quoted for a shell."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from json import dumps
from typing import Any

from celery import current_app
from django.db.models import Q

from orchestration.command_line import manage
from orchestration.core.definition import registry
from orchestration.core.definition.binding import takers_of
from orchestration.core.definition.examples import example_of
from orchestration.core.definition.references import Message
from orchestration.core.definition.saga_definition import SagaDefinition
from orchestration.core.planning.plan import pivot_has_begun
from orchestration.core.planning.states import FORWARD_STATES, TERMINAL, Direction, SagaState, StepState
from orchestration.engine.rows.reading import newest_rows, view_of
from orchestration.errors import UnknownDefinition
from orchestration.models import Saga, SagaStep

_WAYS = {Direction.FORWARD: (), Direction.UNDO: ("--undo",), Direction.AFTER_UNDO: ("--after-undo",)}


def command(verb: str, *words: str, reason: str = "") -> str:
    """Return one command of `manage.py saga` between backticks."""
    why = ("--reason", reason) if reason else ()
    return manage("saga", verb, *words, *why)


def worker(queue: str) -> str:
    """Return the command that starts a worker of this project for a queue."""
    return f"`{shlex.join(['celery', '-A', _where_the_app_is(), 'worker', '-Q', queue])}`"


def _where_the_app_is() -> str:
    """What Celery's `-A` is given: a module that has the current app under a name that Celery looks for."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]  # it is a proxy
    modules = [
        name
        for name, module in list(sys.modules.items())
        if any(vars(module).get(attribute) is app for attribute in ("app", "celery"))
    ]
    return min(modules, key=len, default="PROJECT")


def called(saga: Saga) -> str:
    """Return what people call a saga, where that means only this one; its id otherwise. One query."""
    if not saga.reference:
        return str(saga.id)
    fits = Q(reference=saga.reference) | Q(business_key=saga.reference)
    return saga.reference if Saga.objects.filter(fits).count() == 1 else str(saga.id)


def retry(saga: Saga, step: str, direction: Direction) -> str:
    """Have a step tried again."""
    return command("retry", called(saga), step, *_WAYS[direction], reason="mended")


def skip(saga: Saga, step: str, direction: Direction) -> str:
    """Leave a step out."""
    way = ("--forward",) if direction is Direction.FORWARD else _WAYS[direction]
    return command("skip", called(saga), step, *way, reason="decided by hand")


def settle(saga: Saga, step: str, direction: Direction, outcome: str) -> str:
    """Record what is true of a step; with an example of its result, to be replaced by what the provider shows."""
    result: tuple[str, ...] = ()
    definition = _definition(saga)
    if outcome == "done" and definition is not None:
        try:
            gives = definition.reference(step, direction.value).gives
        except LookupError:
            gives = ()
        if gives:
            kind, example = _example(gives)
            result = ("--result", dumps(example))
            if len(gives) > 1:
                result = (*result, "--result-type", kind.__name__)
    return command(
        "settle",
        called(saga),
        step,
        *_WAYS[direction],
        f"--{outcome}",
        *result,
        reason="looked at the provider",
    )


def may_be_skipped(saga: Saga, step: str) -> bool:
    """Say whether a step that goes forward may be left out."""
    definition = _definition(saga)
    return (
        definition is not None
        and step in definition.after_pivot
        and step in definition.steps
        and not takers_of(definition, step)
    )


def direction_of(saga: Saga, step: str) -> Direction:
    """Say which way a step of a saga goes now. One query at most."""
    definition = _definition(saga)
    if definition is not None and step in definition.closing:
        return Direction.AFTER_UNDO
    if SagaState(saga.state) in FORWARD_STATES:
        return Direction.FORWARD
    done = SagaStep.objects.filter(saga=saga, name=step, direction="forward", state=StepState.DONE.value)
    return Direction.UNDO if done.exists() else Direction.FORWARD


def fitting(saga: Saga) -> Iterator[str]:
    """Yield the commands that would change the course of a saga as it stands now; none once it has ended."""
    state = SagaState(saga.state)
    if state in TERMINAL:
        return
    named = called(saga)
    if saga.paused:
        yield command("resume", named, reason="looked into")
    else:
        yield command("pause", named, reason="to be looked into")
    definition = _definition(saga)
    if (
        state in FORWARD_STATES
        and definition is not None
        and not pivot_has_begun(definition, view_of(saga, definition, newest_rows(saga)))
    ):
        yield command("cancel", named, reason="asked for by phone")


def what_fits(saga: Saga) -> str:
    """Say in a sentence what changes the course of a saga now."""
    if not (commands := list(fitting(saga))):
        return "It has ended, and nothing changes its course any more."
    asked = (
        " and those of its open incidents, below" if saga.incidents.filter(resolved_at=None).exists() else ""
    )
    return (
        f"To change the course of this saga, use {' or '.join(commands)}{asked}; each is kept in the history."
    )


def _definition(saga: Saga) -> SagaDefinition | None:
    try:
        return registry.find(saga.definition, saga.version)
    except UnknownDefinition:
        return None


def _example(gives: tuple[type[Message], ...]) -> tuple[type[Message], dict[str, Any]]:
    """The first result of which an example is found; `check` says of which there is none."""
    found = ((kind, example) for kind in gives if (example := example_of(kind)) is not None)
    nothing_fits = {
        name: f"the {name}" for name, field in gives[0].model_fields.items() if field.is_required()
    }
    return next(found, (gives[0], nothing_fits))
