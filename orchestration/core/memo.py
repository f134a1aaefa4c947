"""Answers that depend on a definition alone, and are asked for by every step of every saga."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

_Value = TypeVar("_Value")


class Memo(Generic[_Value]):
    """What was answered once, by a key that says everything the answer depends on. Forgets all of it when there is too much."""

    def __init__(self, most: int = 4096) -> None:
        """Begin with nothing, and keep at most so many answers."""
        self._most = most
        self._known: dict[Hashable, _Value] = {}

    def get(self, key: Hashable, answer: Callable[[], _Value]) -> _Value:
        """The answer that is known, or else the one that is given now."""
        if (known := self._known.get(key)) is not None:
            return known
        if len(self._known) >= self._most:
            self._known.clear()
        found = self._known[key] = answer()
        return found

    def clear(self) -> None:
        """Forget everything; for tests."""
        self._known.clear()
