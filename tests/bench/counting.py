"""Counts what a process publishes: a line per message, in a file that every process of the round adds to.

Only in the round that is for counting; where the variable is unset nothing is changed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kombu import Producer

COUNT_INTO = "ORDERLY_BENCH_COUNT_INTO"


@dataclass(frozen=True, slots=True)
class Published:
    """What was handed to the broker: tasks and their bytes, and the events that people watch."""

    messages: int
    bytes: int
    events: int
    event_bytes: int


def count_messages_if_asked() -> None:
    """Have kombu note each message of this process and of those it forks; idempotent."""
    file = os.environ.get(COUNT_INTO)
    publish: Callable[..., Any] = Producer._publish
    if not file or hasattr(publish, "__wrapped__"):
        return

    def counted(self: Any, body: Any, priority: Any, content_type: Any, content_encoding: Any, headers: Any,
                properties: Any, *rest: Any, **more: Any) -> Any:  # fmt: skip
        size = len(body) + len(json.dumps(headers or {}, default=str))
        kind = "task" if "task" in (headers or {}) else "event"
        with open(file, "a") as out:  # one short write: lines of several processes do not mix
            out.write(f"{kind} {size}\n")
        return publish(
            self, body, priority, content_type, content_encoding, headers, properties, *rest, **more
        )

    counted.__wrapped__ = publish  # type: ignore[attr-defined]  # the mark that it is in place
    Producer._publish = counted  # type: ignore[method-assign]  # where every message passes as bytes


def read_published(file: Path) -> Published:
    """What has been noted so far."""
    lines = [line.split() for line in file.read_text().splitlines()] if file.exists() else []
    tasks = [int(size) for kind, size in lines if kind == "task"]
    events = [int(size) for kind, size in lines if kind == "event"]
    return Published(len(tasks), sum(tasks), len(events), sum(events))
