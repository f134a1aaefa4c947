"""A history as a timeline: one line an entry, with what changed and why."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from orchestration.operations.terminal.rendering import Table, Text
from orchestration.operations.terminal.words import (
    brief,
    harmless,
    history_style,
    history_words,
    span,
    state_text,
)
from orchestration.sentences import explained, joined

_SAID_ELSEWHERE = {
    "attempt",
    "result_type",
    "message",
    "code",
    "reason",
    "event",
    "definition",
    "outcome",
    "delay",
}


def timeline(history: Sequence[dict[str, Any]], *, began: datetime | None = None) -> Table:
    """Return the entries, the newest first, with the time since the saga began."""
    table = Table.grid(padding=(0, 1))
    table.add_column(justify="right", style="bright_black", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    first = began or (datetime.fromisoformat(history[0]["at"]) if history else None)
    for entry in reversed(history):
        since = span(datetime.fromisoformat(entry["at"]) - first) if first is not None else ""
        mark = Text("●" if entry["after"] else "•", style=history_style(entry["kind"]))
        table.add_row(f"+{since}", mark, _told(entry))
    return table


def _told(entry: dict[str, Any]) -> Text:
    text = Text()
    if entry["step"]:
        text.append(harmless(entry["step"]), style="bold")
        if entry["direction"] == "undo":
            text.append(" undo", style="dark_orange3")
        text.append(" ")
    text.append(history_words(entry["kind"]), style=history_style(entry["kind"]))
    if told := details(entry["data"]):
        text.append(f"  {told}", style="bright_black")
    if entry["who"] not in ("", "engine"):
        text.append(f"  by {harmless(entry['who'])}", style="cyan")
    if entry["after"]:
        text.append("  ⇒ ").append_text(state_text(entry["after"]))
    return text


def details(data: dict[str, Any]) -> str:
    """What else an entry says, on one line."""
    parts = [
        harmless(data[key])
        for key in ("definition", "result_type", "outcome", "event", "reason")
        if data.get(key)
    ]
    if data.get("message"):
        parts.append(explained(data.get("code") or "", brief(data["message"])))
    if data.get("attempt", 1) != 1:
        parts.append(f"attempt {data['attempt']}")
    if data.get("delay") is not None:
        parts.append(f"after {data['delay']} s at the earliest")
    others = {
        key: value for key, value in data.items() if key not in _SAID_ELSEWHERE and value not in (None, "")
    }
    if others:
        parts.append(brief(others))
    return joined(parts)
