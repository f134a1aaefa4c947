"""Which fields of a message do not come back from the database as they went in: messages are stored as JSON, by field name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel, Secret, SecretBytes, SecretStr

_SECRETS = (Secret, SecretStr, SecretBytes)


def unstorable_fields(message: type[BaseModel]) -> Iterator[tuple[str, str, str]]:
    """Name each field, why it would be lost, and what to write instead; those of messages within it too."""
    yield from _look(message, "", set())


def _look(message: type[BaseModel], prefix: str, seen: set[type]) -> Iterator[tuple[str, str, str]]:
    seen.add(message)
    by_name = message.model_config.get("populate_by_name") or message.model_config.get("validate_by_name")
    if message.model_config.get("strict"):
        yield (
            f"{prefix}*",
            "are read strictly, and stored as JSON: no date and no id would be one when it comes back",
            "Remove strict=True from the message's model_config, or say it for single fields.",
        )
    for name, field in message.model_fields.items():
        path = f"{prefix}{name}"
        if field.exclude:
            yield (
                path,
                "is excluded from what is stored, so no step would ever get it",
                "Remove exclude=True, or the field.",
            )
        if (field.alias or field.validation_alias) and not by_name:
            yield (
                path,
                "is stored under its name and can be read by its alias only",
                "Remove the alias, or say populate_by_name=True in the message's model_config.",
            )
        for kind in _types(field.annotation):
            if issubclass(kind, _SECRETS):
                yield (
                    path,
                    f"is a {kind.__name__}, which is stored as asterisks: the step would get those",
                    "Never store a secret in a saga. Give the step a name by which it finds the secret, such as a token of the provider.",
                )
            elif issubclass(kind, bytes) and "EncodedBytes" not in f"{field.annotation} {field.metadata}":
                yield (
                    path,
                    "is bytes, and JSON has none: what is no UTF-8 text could not be stored",
                    "Write pydantic.Base64Bytes, or keep the bytes in a row of your own and give the step its id.",
                )
            elif issubclass(kind, BaseModel) and kind not in seen:
                yield from _look(kind, f"{path}.", seen)
    for name in message.model_computed_fields:
        yield (
            f"{prefix}{name}",
            "is computed: it is stored with the others, and refused as unknown when they are read",
            "Make it a plain property.",
        )


def _types(annotation: Any) -> Iterator[type]:
    """The classes that an annotation names, within unions, lists and whatever else takes parameters."""
    if isinstance(annotation, type):
        yield annotation
    origin = getattr(annotation, "__origin__", None)
    if isinstance(origin, type):
        yield origin
    value = getattr(annotation, "__value__", None)  # of a `type` alias
    if value is not None:
        yield from _types(value)
    for part in get_args(annotation):
        yield from _types(part)
