"""How much room text takes, without a font at hand: generous averages, so that no line leaves its box."""

from __future__ import annotations

NAME = 7.55
"""Width of a character of a name, in units: monospaced at 12.5."""
SMALL = 6.3
"""Average width of a character of small print, proportional at 11."""
LINE = 16.0
"""Height of a line of text."""


def fitted(text: str, room: float, *, each: float) -> str:
    """Text that fits into a width; cut in the middle, because both ends of a name tell it from others."""
    most = max(int(room // each), 5)
    if len(text) <= most:
        return text
    head = (most - 1) // 2
    return f"{text[:head]}…{text[len(text) - (most - 1 - head) :]}"


def wrapped(text: str, room: float, *, each: float, most: int) -> list[str]:
    """Text in at most `most` lines of a width; what does not fit is cut, and the cut shows."""
    limit = max(int(room // each), 5)
    lines: list[str] = []
    for word in text.split():
        word = fitted(word, room, each=each)
        if lines and len(lines[-1]) + 1 + len(word) <= limit:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    if len(lines) > most:
        lines = [*lines[: most - 1], fitted_end(f"{lines[most - 1]} {lines[most]}", limit)]
    return lines or [""]


def fitted_end(text: str, most: int) -> str:
    """Text cut at its end."""
    return text if len(text) < most else text[: most - 1].rstrip() + "…"
