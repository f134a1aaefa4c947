"""What is printed for people: a list of sagas, one saga with all that happened to it, and a report of checks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, TextIO, cast

from django.core.management.base import OutputWrapper

from orchestration.operations.terminal.counting import WHY_RESCUED
from orchestration.operations.terminal.rendering import (
    Console,
    Padding,
    Panel,
    RenderableType,
    Table,
    Text,
    box,
)
from orchestration.operations.terminal.timeline import timeline
from orchestration.operations.terminal.words import DIRECTION_MARKS, brief, harmless, moment, span, state_text
from orchestration.sentences import clause, explained

WIDTH_OF_A_FILE = 120
"""Columns where the output is no terminal."""


def console_for(output: OutputWrapper) -> Console:
    """A console that writes to a command's output: coloured at a terminal, plain text elsewhere."""
    file = cast(TextIO, output)  # it is one in all but its type
    console = Console(file=file, highlight=False)
    return console if console.is_terminal else Console(file=file, highlight=False, width=WIDTH_OF_A_FILE)


def list_page(listing: dict[str, Any]) -> RenderableType:
    """A table of sagas, newest first."""
    if not listing["sagas"]:
        return Text("No saga fits.")
    table = Table(
        box=box.SIMPLE_HEAD, caption=f"{len(listing['sagas'])} of {listing['total']}", caption_justify="left"
    )
    for heading in ("reference", "definition", "state", "milestone", "age", "incidents"):
        table.add_column(heading, overflow="fold")
    for saga in listing["sagas"]:
        table.add_row(
            Text(harmless(saga["reference"] or saga["business_key"])),
            Text(f"{saga['definition']}@{saga['version']}"),
            _standing(saga),
            Text(saga["milestone"]),
            Text(span(datetime.now(UTC) - datetime.fromisoformat(saga["created_at"]))),
            Text(str(saga["open_incidents"] or ""), style="bold red"),
        )
    return table


def _standing(saga: dict[str, Any]) -> Text:
    """The state, and whether a person has decided that something stays as it is."""
    text = state_text(saga["state"], paused=saga["paused"])
    stays = [each["step"] for each in saga["left_standing"] if each["stays"]]
    return text.append(f", {', '.join(stays)} stays", style="yellow") if stays else text


def saga_page(facts: dict[str, Any]) -> Iterator[RenderableType]:
    """One saga: where it stands, its open incidents, its steps, its history."""
    yield _head(facts)
    yield from (_incident(incident) for incident in facts["incidents"])
    if facts["steps"]:
        yield _steps(facts["steps"])
    yield Text("History, the newest first", style="bold")
    yield Padding(timeline(facts["history"], began=_at(facts["created_at"])), (0, 0, 1, 2))
    if facts["history_older"] is not None:
        older = f"--before {facts['history_older']}"
        told = f"{len(facts['history'])} of {facts['history_total']} entries; older ones: python3 manage.py saga show"
        yield Text(f"{told} {facts['id']} {older}", style="bright_black")


def _head(facts: dict[str, Any]) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bright_black")
    grid.add_column(overflow="fold")
    grid.add_row("state", state_text(facts["state"], paused=facts["paused"]))
    began, ended = _at(facts["created_at"]), _at(facts["ended_at"])
    rows = {
        "paused": _held(facts["held"]),
        "milestone": facts["milestone"],
        "failure": _failure(facts["failure"]),
        "left by decision": "; ".join(
            clause(
                explained(
                    f"{each['step']} {'stays' if each['stays'] else 'was left out'}, by {each['by']}",
                    each["reason"],
                )
            )
            for each in facts["left_standing"]
        ),
        "business key": facts["business_key"],
        "id": facts["id"],
        "began": moment(began),
        "ended": f"{moment(ended)}, after {span(ended - began)}" if began and ended else "",
        "deadline": moment(_at(facts["deadline"])) if facts["deadline"] and not ended else "",
        "looked at next": moment(_at(facts["wake_at"])) if facts["wake_at"] else "",
        "rescued": ", ".join(f"{n}×: {WHY_RESCUED[kind]}" for kind, n in facts["rescued"].items() if n),
        "trace": facts["trace_id"],
    }
    for name, value in rows.items():
        if value:
            grid.add_row(name, Text(harmless(value), style="red" if name == "failure" else ""))
    title = Text(
        f"{facts['definition']}@{facts['version']}  {harmless(facts['reference'])}".strip(), style="bold"
    )
    return Panel(grid, title=title, title_align="left", box=box.ROUNDED)


def _held(decision: dict[str, Any] | None) -> str:
    if decision is None:
        return ""
    return explained(f"by {decision['by']} at {moment(_at(decision['at']))}", decision["reason"])


def _failure(failure: dict[str, Any] | None) -> str:
    if not failure:
        return ""
    at = f" at {failure['step']}" if failure.get("step") else ""
    return explained(f"{failure.get('kind', '')}{at}", failure.get("message") or failure.get("code", ""))


def _incident(incident: dict[str, Any]) -> RenderableType:
    is_open = incident["resolved_at"] is None
    told = [Text(harmless(incident["message"])), Text(harmless(incident["runbook"]), style="italic")]
    if not is_open:
        who = incident["resolved_by"] or "somebody"
        told = [
            told[0],
            Text(explained(f"Closed by {harmless(who)}", harmless(incident["resolution"])), style="green"),
        ]
    named = " ".join(part for part in (incident["kind"].replace("_", " "), incident["step"]) if part)
    title = Text(
        f"{'Open' if is_open else 'Closed'} incident: {named}",
        style="bold red" if is_open else "bright_black",
    )
    style = "red" if is_open else "bright_black"
    return Panel(Text("\n").join(told), title=title, title_align="left", border_style=style, box=box.ROUNDED)


def _steps(steps: Sequence[dict[str, Any]]) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD, title="Steps", title_style="bold", title_justify="left")
    for heading in ("", "step", "state", "attempts", "started", "took", "result or error"):
        table.add_column(heading, overflow="fold", ratio=1 if heading == "result or error" else None)
    for step in steps:
        began, ended = _at(step["started_at"]), _at(step["ended_at"])
        again = f" #{step['generation']}" if step["generation"] > 1 else ""
        table.add_row(
            DIRECTION_MARKS.get(step["direction"], "?"),
            Text(step["name"] + again, style="bright_black" if step["direction"] == "undo" else ""),
            state_text(step["state"]),
            _attempts(step),
            Text(f"{began.astimezone(UTC):%H:%M:%S}" if began else ""),
            Text(span(ended - began) if began and ended else ""),
            _outcome(step),
        )
    return table


def _attempts(step: dict[str, Any]) -> Text:
    if step["deliveries"] == step["attempts"]:
        return Text(str(step["attempts"] or ""))
    return Text(f"{step['attempts']} of {step['deliveries']} deliveries", style="yellow")


def _outcome(step: dict[str, Any]) -> Text:
    if step["error"] and step["error"].get("message"):
        error = step["error"]
        return Text(
            explained(error.get("code") or error.get("kind", "error"), brief(error["message"])), style="red"
        )
    if step["result"] is None:
        return Text(f"due {moment(_at(step['due_at']))}" if step["due_at"] else "")
    return Text(f"{step['result_type'] or ''} {brief(step['result'])}".strip())


def _at(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
