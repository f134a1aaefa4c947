"""The drawing `saga graph` prints: of a definition, or of a definition as one saga has gone through it."""

from __future__ import annotations

import json
import re

from orchestration.core.definition import registry
from orchestration.core.definition.arguments import shown
from orchestration.core.definition.saga_definition import SagaDefinition
from orchestration.drawing.mermaid import mermaid
from orchestration.drawing.svg import svg
from orchestration.drawing.words import UNDO_MARK
from orchestration.errors import SagaError, UnknownDefinition
from orchestration.models import Saga, SagaStep
from orchestration.operations.lookup import saga_called


class OtherDefinition(SagaError):
    """The saga whose states were asked for runs another flow."""


def drawing(called: str, *, format: str, ref: str | None = None) -> str:
    """A definition as `mermaid`, `svg` or `json`.

    Args:
        called: name of the definition (its newest version), or `name@version`.
        format: one of the three.
        ref: a saga whose steps' states are shown.

    Raises:
        UnknownDefinition, SagaNotFound, AmbiguousReference, OtherDefinition: the message says what to do.
    """
    definition = definition_called(called)
    states = {}
    if ref is not None:
        saga = saga_called(ref)
        if saga.definition != definition.name:
            raise OtherDefinition(f"{saga} runs {saga.definition}@{saga.version}, not {definition}")
        definition = registry.find(saga.definition, saga.version)
        states = states_of(saga)
    if format == "json":
        return json.dumps(definition.export(), indent=2, ensure_ascii=False) + "\n"
    return svg(definition, states) if format == "svg" else mermaid(definition, states)


def definition_called(called: str) -> SagaDefinition:
    """The newest version of a definition, or the one named by `name@version`.

    Raises:
        UnknownDefinition: there is none.
    """
    name, _, version = called.partition("@")
    if not version:
        return registry.latest(name)
    if re.fullmatch("[0-9]{1,9}", version) is None:
        raise UnknownDefinition(
            f"{shown(called)}: write a version as a number, for example {shown(name)[1:-1]}@1"
        )
    return registry.find(name, int(version))


def states_of(saga: Saga) -> dict[str, str]:
    """States of a saga's steps, as drawings take them."""
    rows = SagaStep.objects.filter(saga=saga).order_by("generation")
    states = {row.name + (UNDO_MARK if row.direction == "undo" else ""): row.state for row in rows}
    cause = str((saga.failure or {}).get("step"))
    if states.get(cause) == "absent":
        # It was given up and then settled as without effect; a reader looks for what stopped the saga.
        states[cause] = "failed"
    return states
