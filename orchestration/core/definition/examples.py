"""An example of a message that can be read as one: for commands that people are to type, with their own values put in. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain, islice
from typing import Any

from pydantic import ValidationError

from orchestration.core.carrying import read_message
from orchestration.core.definition.matching import matching
from orchestration.core.definition.references import Message

_MOST_TRIES = 200
"""Of one message; what has not been found by then needs an example of its author's."""

_BY_FORMAT: Mapping[str, tuple[str, ...]] = {
    "date-time": ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00", "2001-01-31T12:00:00Z", "2901-01-31T12:00:00Z"),
    "date": ("2026-01-31", "2001-01-31", "2901-01-31"),
    "time": ("12:00:00", "12:00:00Z"),
    "duration": ("PT60S",),
    "uuid": ("7f3c1d52-8a0b-4c57-9e21-5d0f6b7a8c90",),
    "uuid1": ("7f3c1d52-8a0b-1c57-9e21-5d0f6b7a8c90",),
    "uuid3": ("7f3c1d52-8a0b-3c57-9e21-5d0f6b7a8c90",),
    "uuid5": ("7f3c1d52-8a0b-5c57-9e21-5d0f6b7a8c90",),
    "uuid6": ("7f3c1d52-8a0b-6c57-9e21-5d0f6b7a8c90",),
    "uuid7": ("7f3c1d52-8a0b-7c57-9e21-5d0f6b7a8c90",),
    "uuid8": ("7f3c1d52-8a0b-8c57-9e21-5d0f6b7a8c90",),
    "uri": ("https://example.com/", "redis://example.com/0", "postgres://user@example.com/name"),
    "email": ("ana@example.com",),
    "name-email": ("Ana <ana@example.com>",),
    "ipv4": ("192.0.2.1",),
    "ipv6": ("2001:db8::1",),
    "ipvanyaddress": ("192.0.2.1",),
    "ipv4network": ("192.0.2.0/24",),
    "ipv6network": ("2001:db8::/32",),
    "base64": ("ZXhhbXBsZQ==",),
    "base64url": ("ZXhhbXBsZQ==",),
    "json-string": ("{}",),
    "regex": ("a",),
}  # fmt: skip


def example_of(kind: type[Message]) -> dict[str, Any] | None:
    """Return values for the fields that must be given; None where nothing is found that fits, as for a validator of one's own.

    What `Field(examples=[...])` says comes first.
    """
    try:
        schema = kind.model_json_schema()
    except Exception:  # pydantic has many, for annotations that are no JSON
        return None
    for tried in islice(_Examples(schema).of(schema, "value"), _MOST_TRIES):
        try:
            read_message(kind, tried)
        except ValidationError:
            continue
        return dict(tried)
    return None


class _Examples:
    """What may stand for a schema, the likeliest first."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._definitions = root.get("$defs", {})

    def of(self, schema: Any, name: str, depth: int = 0) -> Iterator[Any]:
        if not isinstance(schema, Mapping) or depth > 8:
            return
        yield from schema.get("examples", ())
        if "$ref" in schema:
            yield from self.of(self._definitions.get(schema["$ref"].rpartition("/")[2]), name, depth + 1)
        elif "const" in schema:
            yield schema["const"]
        elif "enum" in schema:
            yield from schema["enum"]
        elif choices := schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf"):
            rest = {key: value for key, value in schema.items() if key not in ("anyOf", "oneOf", "allOf")}
            yield from _in_turn([self.of({**rest, **each}, name, depth + 1) for each in choices])
        else:
            match schema.get("type"):
                case "boolean":
                    yield from (True, False)
                case "integer" | "number":
                    yield from _numbers(schema)
                case "string":
                    yield from _texts(schema, name)
                case "null":
                    yield None
                case "array":
                    yield from self._lists(schema, name, depth)
                case "object":
                    yield from self._objects(schema, name, depth)
                case _:
                    yield from (f"the {name}", 1, None, {}, [])

    def _objects(self, schema: Mapping[str, Any], name: str, depth: int) -> Iterator[dict[str, Any]]:
        properties, needed = schema.get("properties", {}), schema.get("required", ())
        found = {each: list(islice(self.of(properties[each], each, depth + 1), 20)) for each in needed}
        if not all(found.values()):
            return
        first = {each: values[0] for each, values in found.items()}
        other = schema.get("additionalProperties")
        if not properties and isinstance(other, Mapping) and schema.get("minProperties"):
            key = next(self.of(schema.get("propertyNames", {"type": "string"}), name, depth + 1), name)
            first = {key: next(self.of(other, name, depth + 1), None)}
        yield first
        # One field at a time is another one, then all at once are.
        yield from ({**first, each: value} for each, values in found.items() for value in values[1:])
        for number in range(1, max(map(len, found.values()), default=0)):
            yield {each: values[min(number, len(values) - 1)] for each, values in found.items()}

    def _lists(self, schema: Mapping[str, Any], name: str, depth: int) -> Iterator[list[Any]]:
        fixed = [next(self.of(each, name, depth + 1), None) for each in schema.get("prefixItems", ())]
        if fixed:
            yield fixed
            return
        values = list(islice(self.of(schema.get("items", {}), name, depth + 1), 20))
        least = schema.get("minItems", 0)
        yield (values * least)[:least] if not schema.get("uniqueItems") else values[:least]
        if values:
            yield values[:1]


def _numbers(schema: Mapping[str, Any]) -> Iterator[int | float]:
    whole = schema["type"] == "integer"
    step = schema.get("multipleOf", 1)
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    starts = [1, *(each for each in (low, high) if each is not None)]
    if low is not None and high is not None and not whole:
        starts.append((low + high) / 2)
    for start in starts:
        for moved in (start, start // step * step + step, start // step * step - step, start // step * step):
            inside = (low is None or moved >= low) and (high is None or moved <= high)
            if inside and moved not in (schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")):
                yield int(moved) if whole else float(moved)


def _texts(schema: Mapping[str, Any], name: str) -> Iterator[str]:
    least, most = schema.get("minLength", 0), schema.get("maxLength")
    known: Iterator[str] = iter(_BY_FORMAT.get(schema.get("format", ""), ()))
    if pattern := schema.get("pattern"):
        known = chain(known, matching(pattern, at_least=least))
    for text in chain(known, (f"the {name}", name, "A", "1", "EUR", "DE")):
        if len(text) < least:
            yield (text * least)[:least] if "pattern" not in schema else text
        yield text[:most]


def _in_turn(each: list[Iterator[Any]]) -> Iterator[Any]:
    """The first of each, then the second of each."""
    while each:
        left = []
        for one in each:
            for value in islice(one, 1):
                yield value
                left.append(one)
        each = left
