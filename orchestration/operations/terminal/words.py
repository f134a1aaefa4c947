"""Words, colours and marks at the terminal. What comes from outside is made harmless before it is printed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from orchestration.clock import clock
from orchestration.core.planning.replay import LATE
from orchestration.operations.terminal.rendering import Text

STATE_STYLES = {
    "accepted": "cyan",
    "running": "bold blue",
    "waiting": "yellow",
    "compensating": "magenta",
    "completed": "green",
    "compensated": "dark_orange3",
    "failed": "red",
    "cancelled": "dark_orange3",
    "undo_failed": "bold white on red",
    "pending": "cyan",
    "unknown": "bold magenta",
    "done": "green",
    "rejected": "red",
    "not_needed": "bright_black",
    "absent": "bright_black",
    "skipped": "yellow",
}
"""Of sagas and of steps: where they share a word they share its colour."""

DIRECTION_MARKS = {"forward": "→", "undo": "↶", "after_undo": "⇥"}

HISTORY_WORDS = {
    "started": "started",
    "step_done": "done",
    "step_undone": "undone",
    "undo_not_needed": "nothing to undo",
    "step_retry": "failed, will be tried again",
    "step_postponed": "put off, it could not be tried",
    "step_rejected": "said no",
    "step_failed": "given up",
    "undo_begun": "undo begins",
    "undo_failed": "undo failed: a person must decide",
    "undo_resumed": "undo goes on",
    "wait_opened": "waits for its event",
    "waiting_begun": "rests",
    "resumed": "goes on",
    "event_applied": "event has come",
    "event_ignored": "event ignored",
    "event_misfit": "event does not fit",
    "event_resent": "event sent again",
    "ended": "ended",
    "paused": "paused",
    "unpaused": "paused no longer",
    "sent_again": "sent again",
    "lease_expired": "its worker is gone",
    "step_overran": "takes longer than its timeout",
    "times_corrected": "the database's clock was wrong, its times are computed anew",
    "outcome_settled": "outcome settled",
    "outcome_still_unknown": "outcome still unknown",
    "late_result": "result came too late",
    "late_failure": "failure came too late",
    "escalated": "a person is asked",
    "retry_asked": "to be tried again",
    "retry_hastened": "its next attempt comes at once",
    "step_skipped": "left out",
}

_HISTORY_STYLES = {
    "step_done": "green",
    "event_applied": "green",
    "step_undone": "dark_orange3",
    "undo_not_needed": "bright_black",
    "step_retry": "yellow",
    "step_postponed": "yellow",
    "step_rejected": "red",
    "step_failed": "red",
    "undo_begun": "magenta",
    "undo_failed": "bold red",
    "escalated": "bold red",
    "event_misfit": "bold red",
    "late_result": "yellow",
    "lease_expired": "yellow",
    "step_overran": "yellow",
    "times_corrected": "yellow",
    "sent_again": "yellow",
}


def harmless(text: object) -> str:
    """Text without characters that steer a terminal; line ends become spaces."""
    return "".join(c if c.isprintable() else " " for c in str(text)).strip()


def state_text(state: str, *, paused: bool = False) -> Text:
    """A state in its colour."""
    text = Text(state.replace("_", " "), style=STATE_STYLES.get(state, ""))
    return text.append(" (paused)", style="yellow") if paused else text


def history_words(kind: str) -> str:
    """What an entry of a history says; an unknown kind is shown as it is."""
    if kind in LATE:
        return f"late: {history_words(LATE[kind])}"
    return HISTORY_WORDS.get(kind, kind.replace("_", " "))


def history_style(kind: str) -> str:
    """Colour of an entry's mark."""
    return _HISTORY_STYLES.get(LATE.get(kind, kind), "bright_black")


def moment(at: datetime | None) -> str:
    """A moment in UTC, to the second."""
    return clock(at, UTC)


def span(duration: timedelta) -> str:
    """A duration in its two largest units: `3 d 4 h`, `1.24 s`."""
    seconds = max(duration.total_seconds(), 0.0)
    if seconds < 60:
        return f"{seconds:.2f} s"
    minutes, hours, days = int(seconds // 60), int(seconds // 3600), int(seconds // 86400)
    if days:
        return f"{days} d {hours % 24} h"
    if hours:
        return f"{hours} h {minutes % 60} min"
    return f"{minutes} min {int(seconds % 60)} s"


def brief(data: Any, most: int = 100) -> str:
    """JSON on one line, cut at `most` characters."""
    text = harmless(data if isinstance(data, str) else json.dumps(data, ensure_ascii=False, default=str))
    return text if len(text) <= most else text[: most - 1] + "…"
