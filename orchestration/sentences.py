"""Sentences put together from parts that end as they like: with a full stop, without one, or not there at all. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from pydantic import ValidationError

MOST = 20
"""Findings that are told one by one: a list of thousands, each of them wrong, has one cause."""
_ENDS = ".!?…"
_STRIPPED = ".,;:"


def clause(part: object) -> str:
    """A part without the stop that closes it, to go on behind it: `No answer.` is `No answer`. Three dots and a question stay."""
    said = str(part).strip()
    return said if said.endswith("...") else said.rstrip(_STRIPPED).rstrip()


def sentence(part: object) -> str:
    """A part that is closed once: `No answer` and `No answer.` are `No answer.`; nothing stays nothing."""
    said = clause(part)
    return said if not said or said[-1] in _ENDS else f"{said}."


def joined(parts: Iterable[object], by: str = ", ") -> str:
    """The parts that say something, with `by` between them and no other punctuation beside it."""
    said = [text for text in (str(part).strip() for part in parts) if clause(text)]
    whole = ""
    for number, part in enumerate(said):
        told = part.rstrip(",;: ") if number == len(said) - 1 else clause(part)
        whole += f"{'' if not whole else ' ' if whole[-1] in _ENDS else by}{told}"
    return whole


def explained(what: object, why: object) -> str:
    """`what: why`, and no colon where one of them is missing."""
    return joined((what, why), by=": ")


def findings(error: ValidationError) -> list[str]:
    """What does not fit a message, one `field: what is wrong` each, the first twenty. Names fields, and says nothing of what they hold."""
    found = [explained(".".join(map(str, each["loc"])), each["msg"]) for each in islice(error.errors(), MOST)]
    left = error.error_count() - MOST
    return [*found, f"and {left} more"] if left > 0 else found
