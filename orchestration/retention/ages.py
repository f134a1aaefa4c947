"""How long something is kept, as people write it: `90d`, `12w`, `36h`, or `never` for what is never removed."""

from __future__ import annotations

import re
from datetime import timedelta

from orchestration.core.definition.arguments import shown

Age = timedelta | None
"""None: it is never removed."""

LEAST = timedelta(days=1)
"""Younger rows are never removed: a broker may still hold a message about them, and a late effect must find its saga."""

_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_WRITTEN = re.compile(r"([0-9]{1,6})([hdw])")


def read_age(text: str) -> Age:
    """Read an age.

    Raises:
        ValueError: it is none, or less than a day.
    """
    if text.strip() == "never":
        return None
    written = _WRITTEN.fullmatch(text.strip())
    if written is None:
        raise ValueError(f"{shown(text)} is not an age: write 90d, 12w, 36h or never")
    age = int(written[1]) * _UNITS[written[2]]
    if age < LEAST:
        raise ValueError(f"{shown(text)} is too short: what is younger than a day is never removed")
    return age
