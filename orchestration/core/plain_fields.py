"""Which messages surely come back from JSON as they were: nothing about them has to be tried. Pure."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from uuid import UUID

from pydantic import BaseModel

_PLAIN = (str, int, bool, float, NoneType, datetime, date, time, timedelta, Decimal, UUID)
_OF_ONE_KIND = (list, set, frozenset, tuple)
_CHANGING = ("strict", "ser_json_timedelta", "ser_json_bytes", "serialize_by_alias", "json_encoders")
"""Settings of a model under which its JSON is another one, or is read otherwise."""
_DECORATED = (
    "validators",
    "field_validators",
    "root_validators",
    "model_validators",
    "field_serializers",
    "model_serializers",
    "computed_fields",
)


@cache
def is_plain(kind: type[BaseModel]) -> bool:
    """Whether every field of a message is of one type that JSON carries both ways, and no code of the author's changes it on the way.

    A model within another is not: what stands there may be a subclass, of which only the fields of its base are written.
    """
    decorated = any(getattr(kind.__pydantic_decorators__, name) for name in _DECORATED)
    changing = any(kind.model_config.get(name) for name in _CHANGING)
    if decorated or changing or kind.model_config.get("extra") == "allow" or kind.__private_attributes__:
        return False
    return all(
        not (field.exclude or field.alias or field.serialization_alias or field.validation_alias)
        and all(_is_constraint(each) for each in field.metadata)
        and _is_plain_type(field.annotation)
        for field in kind.model_fields.values()
    )


def _is_plain_type(annotation: Any) -> bool:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _is_plain_type(arguments[0]) and all(_is_constraint(each) for each in arguments[1:])
    if origin in (Union, UnionType):
        some = [each for each in arguments if each is not NoneType]
        return len(some) == 1 and _is_plain_type(some[0])
    if origin is Literal:
        return {type(each) for each in arguments} in ({str}, {int})
    if origin is dict:
        return arguments[0] is str and _is_plain_type(arguments[1])
    if origin in _OF_ONE_KIND:
        return all(each is Ellipsis or _is_plain_type(each) for each in arguments)
    if not isinstance(annotation, type) or origin is not None:
        return False
    if issubclass(annotation, Enum):
        return {type(each.value) for each in annotation} <= {str, int}
    return annotation in _PLAIN


def _is_constraint(metadata: Any) -> bool:
    """Whether it only limits what is allowed: of `annotated_types`, or one of pydantic's own for a pattern and the like."""
    home = type(metadata).__module__
    return home.startswith("annotated_types") or home.endswith("_fields") or isinstance(metadata, str)
