"""Texts that a regular expression matches: for examples of fields that have a pattern. Pure.

Only as good as an example needs to be: whoever takes one tries it, and looks round and back are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from re import _constants as code  # the only parser of the language's own syntax
from re import _parser
from typing import Any

_OF_CATEGORY = {
    code.CATEGORY_DIGIT: "1",
    code.CATEGORY_NOT_DIGIT: "a",
    code.CATEGORY_WORD: "a",
    code.CATEGORY_NOT_WORD: "-",
    code.CATEGORY_SPACE: " ",
    code.CATEGORY_NOT_SPACE: "a",
}
_LIKELY = "a1A-_ .:/"


def matching(pattern: str, *, at_least: int = 0) -> Iterator[str]:
    """Yield a text or two: each repetition as short as it may be, then long enough for a length.

    Args:
        pattern: in Python's syntax; of another one nothing is found.
        at_least: characters that the text needs.
    """
    try:
        parsed = _parser.parse(pattern.replace(r"\z", r"\Z"))
    except (re.error, OverflowError, RecursionError):
        return
    tried = set()
    for more in (0, 1, at_least):
        text = _text(parsed, more)
        if text not in tried:
            tried.add(text)
            yield text


def _text(parsed: Any, more: int) -> str:
    return "".join(_one(kind, value, more) for kind, value in parsed)


def _one(kind: Any, value: Any, more: int) -> str:
    if kind is code.LITERAL:
        return chr(value)
    if kind is code.NOT_LITERAL:
        return next(each for each in _LIKELY if ord(each) != value)
    if kind is code.ANY:
        return "a"
    if kind is code.IN:
        return _of_set(value)
    if kind in (code.MAX_REPEAT, code.MIN_REPEAT, code.POSSESSIVE_REPEAT):
        least, most, part = value
        return "".join(_text(part, more) for _ in range(min(max(least, more), int(most), 1_000)))
    if kind is code.SUBPATTERN:
        return _text(value[-1], more)
    if kind is code.ATOMIC_GROUP:
        return _text(value, more)
    if kind is code.BRANCH:
        return _text(value[1][0], more)
    return ""  # where it stands, what stands around it, what stood before


def _of_set(parts: Any) -> str:
    if parts[0][0] is code.NEGATE:
        return next((each for each in _LIKELY if not any(_holds(part, each) for part in parts[1:])), "~")
    kind, value = parts[0]
    if kind is code.RANGE:
        return chr(value[0])
    return _OF_CATEGORY.get(value, "a") if kind is code.CATEGORY else chr(value)


def _holds(part: Any, character: str) -> bool:
    kind, value = part
    if kind is code.LITERAL:
        return bool(ord(character) == value)
    if kind is code.RANGE:
        return bool(value[0] <= ord(character) <= value[1])
    simple = {
        code.CATEGORY_DIGIT: r"\d",
        code.CATEGORY_NOT_DIGIT: r"\D",
        code.CATEGORY_WORD: r"\w",
        code.CATEGORY_NOT_WORD: r"\W",
        code.CATEGORY_SPACE: r"\s",
        code.CATEGORY_NOT_SPACE: r"\S",
    }
    return value in simple and re.match(simple[value], character) is not None
