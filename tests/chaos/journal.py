"""The client's own journal: what it was about to ask, and what it was answered. On the disk before anything else happens.

It is the witness against our database: nobody who lost an order could also have lost its line here.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Entry:
    """One line. An `intent` comes before each request, an `answer` after it, also when there was none."""

    kind: str
    """`intent`, `answer` or `cancelled` (the answer to a cancellation)."""
    key: str
    reference: str
    attempt: int
    at: float
    """Seconds since 1970."""
    status: int = 0
    """Of the answer; 0: none came, and nobody knows."""
    order: str = ""
    """The order's id, as answered."""
    replayed: bool = False
    """The answer says that it had been given before."""
    digest: str = ""
    """SHA-256 of the answer's body."""


class Journal:
    """A file that is only added to, line by line, each on the disk before `write` returns. For several threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("a")
        self._lock = threading.Lock()
        self._entries: list[Entry] = []

    def write(self, kind: str, *, key: str, reference: str, attempt: int, **more: object) -> Entry:
        """Add a line, now."""
        entry = Entry(kind, key, reference, attempt, time.time(), **more)  # type: ignore[arg-type]  # fields of Entry
        with self._lock:
            self._file.write(json.dumps(asdict(entry)) + "\n")
            self._file.flush()
            os.fsync(self._file.fileno())
            self._entries.append(entry)
        return entry

    def close(self) -> None:
        """No more lines."""
        with self._lock:
            self._file.close()

    def accepted(self) -> int:
        """How many orders have been accepted so far."""
        with self._lock:
            return len({e.key for e in self._entries if e.kind == "answer" and 200 <= e.status < 300})


def read_journal(path: Path) -> list[Entry]:
    """Every line, as it stands in the file."""
    return [Entry(**json.loads(line)) for line in path.read_text().splitlines()]


@dataclass(frozen=True, slots=True)
class Input:
    """All lines about one order."""

    key: str
    reference: str
    attempts: int
    acknowledged: tuple[str, ...]
    """Ids of the order in the answers that accepted it; equal ones once."""
    digests: frozenset[str]
    """Of the bodies of these answers."""
    ambiguous: bool
    """At least one attempt had no answer, or one that says nothing definite."""
    replayed: bool
    """The first answer that accepted it was a stored one: an earlier attempt had been carried out."""
    errors: tuple[int, ...]
    """Statuses of answers that nobody should ever get: a 5xx other than 503, which says that it is for the moment."""
    refused: int
    """Status of a definite refusal; 0: none."""
    cancelled: int
    """Status of the definite answer to its cancellation; 0: none was asked, or none came."""


def inputs(entries: Iterable[Entry]) -> list[Input]:
    """What the lines say, order by order, in the order of the first intents."""
    by_key: dict[str, list[Entry]] = {}
    for entry in entries:
        by_key.setdefault(entry.key, []).append(entry)
    return [_input(key, lines) for key, lines in by_key.items()]


def _input(key: str, lines: list[Entry]) -> Input:
    intents = [line for line in lines if line.kind == "intent"]
    answers = [line for line in lines if line.kind == "answer"]
    accepted = [line for line in answers if 200 <= line.status < 300]
    first = accepted[0] if accepted else None
    before = [line for line in intents if first is None or line.attempt <= first.attempt]
    definite = {line.attempt for line in answers if is_definite(line)}
    return Input(
        key=key,
        reference=lines[0].reference,
        attempts=len(intents),
        acknowledged=tuple(dict.fromkeys(line.order for line in accepted)),
        digests=frozenset(line.digest for line in accepted),
        ambiguous=any(line.attempt not in definite for line in before),
        replayed=first is not None and first.replayed,
        errors=tuple(line.status for line in lines if line.status >= 500 and line.status != 503),
        refused=next((e.status for e in answers if is_definite(e) and e.status >= 300), 0),
        cancelled=next((e.status for e in lines if e.kind == "cancelled" and is_definite(e)), 0),
    )


def is_definite(entry: Entry) -> bool:
    """Whether an answer settles the matter.

    No answer, a 5xx and 429 (too many at once, later) do not, nor does, for an order, 409 (it is under way).
    """
    later = (409, 429) if entry.kind == "answer" else (429,)
    return 200 <= entry.status < 500 and entry.status not in later
