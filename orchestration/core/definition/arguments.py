"""What an author may write where: a wrong value is refused at once, in a sentence that says what to write instead. Pure.

Left alone, a list in place of a name fails somewhere behind it, in words of Python's about what a list cannot do.
"""

from __future__ import annotations

from orchestration.core.storable import is_storable_text
from orchestration.errors import DefinitionError

LONGEST_SHOWN = 60
LARGEST_INTEGER = 2**31 - 1
"""Of a column that holds an integer."""


def demand(ok: bool, where: str, given: object, write: str) -> None:
    """Refuse a value unless it is `ok`.

    Raises:
        DefinitionError: "WHERE is GIVEN; write WRITE".
    """
    if not ok:
        raise DefinitionError(f"{where} is {shown(given)}; write {write}")


def demand_text(given: object, where: str, write: str, *, optional: bool = False) -> None:
    """Refuse what is no text, is empty, or holds characters that no database keeps. None passes where it is `optional`."""
    demand((given is None and optional) or is_name(given), where, given, write)


def demand_number(given: object, where: str, write: str) -> None:
    """Refuse what is no number: neither True nor a text with digits is one, nor one that no float can hold."""
    demand(is_number(given), where, given, write)


def is_name(given: object) -> bool:
    """Whether it is a text, not empty, that can be stored."""
    return isinstance(given, str) and bool(given.strip()) and is_storable_text(given)


def is_kind_of(given: object, base: type) -> bool:
    """Whether it is a class, and derived from that one."""
    return isinstance(given, type) and issubclass(given, base)


def is_whole(given: object) -> bool:
    """Whether it is a whole number; True is none."""
    return isinstance(given, int) and not isinstance(given, bool)


def is_number(given: object) -> bool:
    """Whether it can be computed with as a number."""
    if isinstance(given, bool) or not isinstance(given, int | float):
        return False
    try:
        float(given)
    except OverflowError:
        return False
    return True


def plain(text: str) -> str:
    """A text without quotes where it is short and can be printed, else as `shown`."""
    return text if text.isprintable() and len(text) <= 2 * LONGEST_SHOWN else shown(text)


def shown(given: object) -> str:
    """A value as it stands in a sentence: itself where that is short and plain, else what it is."""
    if given is None or isinstance(given, bool | float):
        return repr(given)
    if isinstance(given, int):
        return repr(given) if -LARGEST_INTEGER <= given <= LARGEST_INTEGER else "a huge number"
    if isinstance(given, str | bytes):
        return repr(given) if len(given) <= LONGEST_SHOWN else f"{given[:LONGEST_SHOWN]!r}…"
    if isinstance(given, type):
        return f"the type {given.__name__}"
    kind = type(given).__name__
    if kind in ("StepReference", "SagaDefinition"):
        return f"the {'reference' if kind == 'StepReference' else 'saga'} {given}"
    return f"{'an' if kind[0].lower() in 'aeiou' else 'a'} {kind}"
