"""The saga definitions this process knows, by name and version.

A process-wide table, filled by importing each app's `sagas.py` at start, and only read afterwards.
"""

from __future__ import annotations

from orchestration.core.definition.arguments import shown
from orchestration.core.definition.nodes import Wait
from orchestration.core.definition.saga_definition import SagaDefinition
from orchestration.errors import DefinitionError, UnknownDefinition

_definitions: dict[tuple[str, int], SagaDefinition] = {}


def register(definition: SagaDefinition) -> None:
    """Make a definition known.

    Raises:
        DefinitionError: another flow is already registered under that name and version.
    """
    known = _definitions.setdefault((definition.name, definition.version), definition)
    if known is not definition and known.fingerprint != definition.fingerprint:
        raise DefinitionError(
            f"saga {definition} is defined twice with different flows; give the newer one the next version number"
        )


def find(name: str, version: int) -> SagaDefinition:
    """The definition of that name and version.

    Raises:
        UnknownDefinition: this process has no such definition.
    """
    try:
        return _definitions[name, version]
    except KeyError:
        raise UnknownDefinition(
            f"saga definition {name}@{version} is not known here; deploy the code that has it, or keep old versions until their sagas have ended"
        ) from None


def latest(name: str) -> SagaDefinition:
    """The newest version of a definition.

    Raises:
        UnknownDefinition: no version is known.
    """
    versions = [definition for (known, _), definition in _definitions.items() if known == name]
    if not versions:
        raise UnknownDefinition(
            f"no saga definition is called {shown(name)}; known: {', '.join(sorted({n for n, _ in _definitions})) or 'none'}"
        )
    return max(versions, key=lambda definition: definition.version)


def everything() -> list[SagaDefinition]:
    """All known definitions, by name and version."""
    return [_definitions[key] for key in sorted(_definitions)]


def forget(definition: SagaDefinition) -> None:
    """Take a definition out again; for tests that define their own."""
    _definitions.pop((definition.name, definition.version), None)


def waits_for(event: str) -> list[Wait]:
    """Every wait for events of this type, in all definitions that this process knows."""
    return [wait for definition in everything() for wait in definition.waits_for(event)]
