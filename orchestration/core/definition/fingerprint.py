"""What of a definition has to stay the same for the sagas that run: its flow, and the shape of every message. Not its words."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from orchestration.core.definition.nodes import Step, Wait
from orchestration.core.definition.references import Message, StepReference

SCHEME = "f2:"
"""Begins every fingerprint of this kind: one of an older kind says nothing about a difference."""

_WORDS_OF_SCHEMA = ("title", "description", "examples", "deprecated")
_WORDS_OF_NODES = ("no_undo_because",)


def fingerprint_of(export: Mapping[str, Any], messages: Mapping[str, Any]) -> str:
    """At most 64 characters: changes with the flow and with the shape of a message, and not with what people are told."""
    essence = {"definition": _without(export, _WORDS_OF_NODES), "messages": messages}
    digest = hashlib.sha256(json.dumps(essence, sort_keys=True, default=repr).encode()).hexdigest()
    return f"{SCHEME}{digest[: 64 - len(SCHEME)]}"


def shapes(nodes: list[Step | Wait]) -> dict[str, Any]:
    """The JSON schemas of what goes into and comes out of each step and wait, without words."""
    found: dict[str, Any] = {}
    for node in nodes:
        if isinstance(node, Wait):
            found[node.name] = [shape(node.gives)] if node.gives else []
            continue
        references = [node.reference, *([node.undo] if isinstance(node.undo, StepReference) else [])]
        found[node.name] = [
            {"takes": shape(each.takes), "gives": [shape(kind) for kind in each.gives]} for each in references
        ]
    return found


def shape(message: type[Message]) -> Any:
    """The JSON schema of a message without its words; of one that has no schema, its fields as Python shows them."""
    try:
        return _without_words(message.model_json_schema())
    except Exception:  # pydantic has many, for annotations that are no JSON; `check` names such a field
        return {name: repr(field.annotation) for name, field in message.model_fields.items()}


def _without_words(schema: Any, *, names: bool = False) -> Any:
    """Drop words from a schema; among the names of properties a `title` is a field."""
    if isinstance(schema, list):
        return [_without_words(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _without_words(value, names=not names and key in {"properties", "$defs"})
        for key, value in schema.items()
        if names or key not in _WORDS_OF_SCHEMA
    }


def _without(value: Any, words: tuple[str, ...]) -> Any:
    if isinstance(value, list | tuple):
        return [_without(each, words) for each in value]
    if isinstance(value, Mapping):
        return {key: _without(each, words) for key, each in value.items() if key not in words}
    return value
