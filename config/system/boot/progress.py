"""Says what is being done, one short line at a time, on standard error: standard output belongs to answers."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_began = time.monotonic()


class Refusal(Exception):
    """What was asked cannot be done; the text says why and what to do instead. Ends the command with status 2."""


def say(text: str) -> None:
    """Print one line of progress with the seconds since the command began, or lose it where nobody can read it.

    A full disk or a closed pipe behind it must not keep `up` from stopping what it has started.
    """
    with suppress(OSError, ValueError):  # ValueError: closed
        sys.stderr.write(f"[{time.monotonic() - _began:5.1f} s] {text}\n")
        sys.stderr.flush()


@contextmanager
def lost_where_full() -> Iterator[None]:
    """Write to standard output in here what a full disk may lose: it ends nothing. That nobody reads it any more, BrokenPipeError says."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError:
        return
