"""Lines of the pages that commands write into the documentation."""

from __future__ import annotations

import textwrap


def wrapped(text: str, *, bullet: bool = False) -> str:
    """A paragraph, or an item of a list, in lines as long as those of the other documents."""
    first, later = ("* ", "  ") if bullet else ("", "")
    return textwrap.fill(
        text,
        120,
        initial_indent=first,
        subsequent_indent=later,
        break_long_words=False,
        break_on_hyphens=False,
    )
