"""Says what is being done, one short line at a time, on standard error: standard output belongs to answers."""

from __future__ import annotations

import sys
import time

_began = time.monotonic()


class Refusal(Exception):
    """What was asked cannot be done; the text says why and what to do instead. Ends the command with status 2."""


def say(text: str) -> None:
    """Print one line of progress with the seconds since the command began."""
    sys.stderr.write(f"[{time.monotonic() - _began:5.1f} s] {text}\n")
    sys.stderr.flush()
