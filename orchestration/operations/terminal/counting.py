"""Numbers about all sagas, and the messages set aside, as plain JSON and for people."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Sum

from orchestration.clock import with_zone
from orchestration.core.planning.kinds import RESCUE_KINDS, RESCUES, HistoryKind
from orchestration.engine.incidents.printed import command
from orchestration.models import DeadLetter, Incident, OutboxMessage, Saga, SagaEvent
from orchestration.operations.terminal.rendering import RenderableType, Table, Text, box
from orchestration.operations.terminal.words import harmless, moment

WHY_RESCUED = {
    HistoryKind.SENT_AGAIN: "a message was lost",
    HistoryKind.LEASE_EXPIRED: "a worker was gone",
    HistoryKind.TIMES_CORRECTED: "the clock was wrong",
}


def rescues_in(kinds: dict[str, int]) -> dict[str, int]:
    """How often sagas had to be rescued, by reason; from how often each kind of entry stands in the history."""
    return {kind.value: kinds.get(kind, 0) + kinds.get(kind.late, 0) for kind in RESCUES}


def statistics() -> dict[str, Any]:
    """Sagas by state, rescues by reason since the beginning, and what waits. Seven queries."""
    told = SagaEvent.objects.filter(kind__in=RESCUE_KINDS)
    rescued = rescues_in(_by(told, "kind"))
    letters = DeadLetter.objects.values_list("reason").order_by().annotate(times=Sum("times"))
    return {
        "sagas": _by(Saga.objects.all(), "state"),
        "rescues": {**rescued, "total": sum(rescued.values())},
        "rescued_sagas": told.values("saga_id").distinct().count(),
        "open_incidents": _by(Incident.objects.filter(resolved_at=None), "kind"),
        "unsent_messages": OutboxMessage.objects.filter(sent_at=None).count(),
        "dead_letters": dict(letters),
        "set_aside_events": OutboxMessage.objects.filter(set_aside_at__isnull=False).count(),
    }


def statistics_page(facts: dict[str, Any]) -> RenderableType:
    """The numbers as a table."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bright_black")
    table.add_column()
    told = {
        "sagas": facts["sagas"],
        "rescues": {WHY_RESCUED.get(kind, kind): number for kind, number in facts["rescues"].items()},
        "rescued sagas": facts["rescued_sagas"],
        "open incidents": facts["open_incidents"],
        "unsent messages": facts["unsent_messages"],
        "dead letters": facts["dead_letters"],
        "events set aside": facts["set_aside_events"],
    }
    for name, value in told.items():
        listed = (
            ", ".join(f"{number} {kind}" for kind, number in value.items())
            if isinstance(value, dict)
            else value
        )
        table.add_row(name, Text(str(listed).replace("_", " ") or "none"))
    return table


def dead_letters(limit: int) -> dict[str, Any]:
    """The newest dead letters and how many there are."""
    return {
        "total": DeadLetter.objects.count(),
        "dead_letters": [
            {
                "reason": letter.reason,
                "task": letter.task,
                "queue": letter.queue,
                "detail": letter.detail,
                "size": letter.size,
                "excerpt": letter.excerpt,
                "sha256": letter.sha256,
                "times": letter.times,
                "received_at": with_zone(letter.received_at).isoformat(),
                "last_at": with_zone(letter.last_at).isoformat(),
            }
            for letter in DeadLetter.objects.order_by("-last_at")[:limit]
        ],
        "set_aside_events": [
            {
                "message": message.id,
                "type": message.payload.get("type"),
                "key": message.payload.get("key"),
                "set_aside_at": moment(message.set_aside_at),
                "why": message.last_error,
            }
            for message in _set_aside(limit)
        ],
    }


def dead_letters_page(limit: int) -> list[RenderableType]:
    """The newest dead letters as a table, and under it the events of our own that wait to be sent again."""
    return [_letters_page(limit), *_set_aside_page(limit)]


def _set_aside(limit: int) -> list[OutboxMessage]:
    return list(OutboxMessage.objects.filter(set_aside_at__isnull=False).order_by("-set_aside_at")[:limit])


def _set_aside_page(limit: int) -> list[RenderableType]:
    messages = _set_aside(limit)
    if not messages:
        return []
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("message", "event", "key", "set aside", "why"):
        table.add_column(heading, overflow="fold")
    for message in messages:
        told = (message.payload.get("type"), message.payload.get("key"), moment(message.set_aside_at))
        shown = (*told, message.last_error)
        table.add_row(str(message.id), *(Text(harmless(each)) for each in shown))
    again = command("resend", str(messages[0].id), reason="mended")
    return [
        Text(f"Events of ours that were set aside; to send the first again: {again.strip('`')}"),
        table,
    ]


def _letters_page(limit: int) -> RenderableType:
    found = list(DeadLetter.objects.order_by("-last_at")[:limit])
    if not found:
        return Text("No message was set aside.")
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("last seen", "times", "reason", "task", "queue", "bytes", "detail", "shape"):
        table.add_column(heading, overflow="fold")
    for letter in found:
        shown = (letter.reason, letter.task, letter.queue, letter.size, letter.detail, letter.excerpt)
        table.add_row(moment(letter.last_at), str(letter.times), *(Text(harmless(each)) for each in shown))
    return table


def _by(rows: Any, column: str) -> dict[str, int]:
    return dict(rows.order_by(column).values_list(column).annotate(number=Count("pk")))
