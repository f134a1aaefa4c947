"""Where the fields of a command come from: by name, from the nearest earlier step that gives them, else the input.

The same rule is used to check a definition and to build a command, so that what passes the check can be built.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from orchestration.core.carrying import read_message
from orchestration.core.definition.nodes import Choice, Node, Nothing, Parallel, Sequence, Step, Wait
from orchestration.core.definition.references import Message, StepReference
from orchestration.core.definition.saga_definition import SagaDefinition
from orchestration.core.memo import Memo

INPUT = "input"

_before: Memo[list[str]] = Memo()
"""What `producers_before` has answered, by fingerprint and step: every attempt asks."""

Results = Mapping[str, Mapping[str, Any]]
"""Recorded forward results by name of step or wait, as JSON objects."""


def build_command(
    definition: SagaDefinition,
    step: Step,
    takes: type[Message],
    saga_input: Mapping[str, Any],
    results: Results,
) -> Message:
    """The command for a step or its undo.

    An undo sees its own step's result first; `takes` is then the undo's command type.

    Raises:
        pydantic.ValidationError: a required field is found nowhere, or has the wrong shape.
    """
    earlier = [name for name in producers_before(definition, step.name) if name in results]
    own_first = [step.name, *reversed(earlier)] if step.name in results else list(reversed(earlier))
    values: dict[str, Any] = {}
    for field in takes.model_fields:
        chosen = step.take.get(field)
        sources = [chosen] if chosen is not None else [*own_first, INPUT]
        for source in sources:
            found = saga_input if source == INPUT else results.get(source, {})
            if field in found:
                values[field] = found[field]
                break
    return read_message(takes, values)


def producers_before(definition: SagaDefinition, name: str) -> list[str]:
    """Names of the steps and waits that come before `name` on its path, nearest last.

    Sibling branches of a parallel do not see each other. A step after undo sees the whole flow.
    """
    return _before.get((definition.fingerprint, name), lambda: _producers_before(definition, name))


def _producers_before(definition: SagaDefinition, name: str) -> list[str]:
    if name in definition.closing:
        return [n.name for n in definition.flow.walk() if isinstance(n, Step | Wait)] + list(
            _path(definition.after_undo, name) if definition.after_undo else ()
        )
    return list(_path(definition.flow, name))


def available_fields(definition: SagaDefinition, step: Step, *, undo: bool) -> dict[str, str]:
    """Field names that are certain to be there for a step (or its undo) -> where they come from."""
    fields = dict.fromkeys(definition.input.model_fields, INPUT)
    certain = _certain_before(definition.flow, step.name) if step.name not in definition.closing else []
    for name in [*certain, *([step.name] if undo else [])]:
        for field in _given(definition, name):
            fields[field] = name
    return fields


def possible_fields(definition: SagaDefinition, name: str) -> set[str]:
    """Field names that a step or wait may give, over all its result types."""
    if name == INPUT:
        return set(definition.input.model_fields)
    types = definition.steps[name].reference.gives if name in definition.steps else ()
    return {field for kind in types for field in kind.model_fields} | _given(definition, name)


def takers_of(definition: SagaDefinition, name: str) -> list[str]:
    """Return the names of the steps that take something from the result of `name`, or branch on it."""
    given = possible_fields(definition, name)
    takers = []
    for node in definition.walk():
        if isinstance(node, Choice) and node.on == name:
            takers.append(f"the choice on {name}")
        if not isinstance(node, Step) or node.name == name:
            continue
        commands = [node.reference.takes]
        if isinstance(node.undo, StepReference):
            commands.append(node.undo.takes)
        taken = {field for takes in commands for field in takes.model_fields if field in given}
        sees = name in producers_before(definition, node.name)
        if name in node.take.values() or (sees and taken):
            takers.append(node.name)
    return takers


def _given(definition: SagaDefinition, name: str) -> set[str]:
    if name in definition.waits:
        gives = definition.waits[name].gives
        return set(gives.model_fields) if gives is not None else set()
    kinds = definition.steps[name].reference.gives
    return set.intersection(*(set(kind.model_fields) for kind in kinds)) if kinds else set()


def _holds(node: Node, name: str) -> bool:
    return any(isinstance(part, Step | Wait) and part.name == name for part in node.walk())


def _path(node: Node, name: str) -> Iterator[str]:
    match node:
        case Sequence():
            for part in node.nodes:
                if _holds(part, name):
                    yield from _path(part, name)
                    return
                yield from (n.name for n in part.walk() if isinstance(n, Step | Wait))
        case Parallel() | Choice():
            for child in node.children():
                if _holds(child, name):
                    yield from _path(child, name)
        case _:
            return


def _certain_before(node: Node, name: str) -> list[str]:
    """Steps that have certainly finished when `name` starts: not those in a choice that may go another way."""
    match node:
        case Sequence():
            found: list[str] = []
            for part in node.nodes:
                if _holds(part, name):
                    return found + _certain_before(part, name)
                found += _certain_in(part)
            return found
        case Parallel() | Choice():
            return next(
                (_certain_before(child, name) for child in node.children() if _holds(child, name)), []
            )
        case _:
            return []


def _certain_in(node: Node) -> list[str]:
    match node:
        case Step() | Wait():
            return [node.name]
        case Sequence() | Parallel():
            return [name for child in node.children() for name in _certain_in(child)]
        case _:
            return []


def has_undo(step: Step) -> bool:
    """Whether a step has a compensation to run."""
    return step.undo is not None and not isinstance(step.undo, Nothing)
