"""Messages: each event applied once, none in limbo, and nothing decided that was never sent."""

from __future__ import annotations

from typing import Any

from orchestration.core.definition import registry
from orchestration.invariants.asking import ask, count
from orchestration.verification import Finding, invariant


@invariant("orchestration: an event is applied at most once to each saga")
def events_are_applied_once() -> Finding:
    """At every moment: each event stored as applied to a saga stands once in that saga's history, and no other does."""
    wrong = ask(
        """
        WITH told AS (
            SELECT saga_id, data ->> 'event' AS event, count(*) AS times
              FROM orchestration_sagaevent WHERE kind = 'event_applied' GROUP BY saga_id, data ->> 'event'
        ), stored AS (
            SELECT saga_id, event_id AS event, count(*) AS times, count(DISTINCT source) AS sources
              FROM orchestration_inboxdelivery d JOIN orchestration_inboxmessage m ON m.id = d.message_id
             WHERE d.state = 'applied' GROUP BY saga_id, event_id
        )
        SELECT $saga, event, COALESCE(told.times, 0), COALESCE(stored.times, 0)
          FROM told FULL JOIN stored USING (saga_id, event) LEFT JOIN orchestration_saga s ON s.id = saga_id
         WHERE told.times IS DISTINCT FROM stored.times OR told.times > stored.sources
        """
    )
    return Finding(
        count("orchestration_inboxdelivery WHERE state = 'applied'"),
        [
            f"{saga or 'no saga'}: event {event} was applied {told} times, stored as applied {stored} times"
            for saga, event, told, stored in wrong
        ],
    )


@invariant("orchestration: no event is in limbo")
def no_event_is_in_limbo() -> Finding:
    """At every moment: applied, ignored for a reason, due with an incident, or parked, and then nobody is waiting for it."""
    left = ask(
        """
        SELECT $saga, m.type, m.event_id, d.state
          FROM orchestration_inboxdelivery d
          JOIN orchestration_inboxmessage m ON m.id = d.message_id JOIN orchestration_saga s ON s.id = d.saga_id
         WHERE d.state IN ('due', 'parked') AND s.ended_at IS NOT NULL
        """
    )
    missed = ask(
        """
        SELECT $saga, m.type, m.event_id, CASE WHEN m.parked THEN 'parked' ELSE d.state END
          FROM unnest(%(definition)s::text[], %(version)s::int[], %(name)s::text[], %(event)s::text[])
               AS w (definition, version, name, event)
          JOIN orchestration_saga s ON s.definition = w.definition AND s.version = w.version AND s.ended_at IS NULL
          JOIN orchestration_sagastep t ON t.saga_id = s.id AND t.name = w.name AND t.state = 'waiting'
          JOIN orchestration_inboxmessage m ON m.key = s.business_key AND m.type = w.event
          LEFT JOIN orchestration_inboxdelivery d ON d.message_id = m.id AND d.saga_id = s.id
         WHERE s.state IN ('accepted', 'running', 'waiting') AND (m.parked OR d.state IN ('due', 'parked'))
           AND NOT EXISTS (SELECT FROM orchestration_incident i
                            WHERE i.saga_id = s.id AND i.kind = 'event_misfit' AND i.resolved_at IS NULL)
           AND GREATEST(m.received_at, t.started_at) < statement_timestamp() - $patience
        """,
        _waits(),
    )
    return Finding(
        count("orchestration_inboxmessage"),
        [f"{saga}: has ended, and event {type} {event} is {state}" for saga, type, event, state in left]
        + [f"{saga}: waits for {type}, and event {event} is {state}" for saga, type, event, state in missed],
    )


@invariant("orchestration: what was decided is sent")
def outbox_drains() -> Finding:
    """At every moment while the broker is up: nothing lies unsent for longer than half a minute."""
    wrong = ask(
        """
        SELECT m.id, m.kind, COALESCE(m.payload ->> 'type', ''), COALESCE($saga, m.payload ->> 'key', '')
          FROM orchestration_outboxmessage m LEFT JOIN orchestration_saga s ON s.id = m.saga_id
         WHERE m.sent_at IS NULL AND m.created_at < statement_timestamp() - $patience
         ORDER BY m.id
        """
    )
    return Finding(
        count("orchestration_outboxmessage"),
        [
            f"message {number} ({kind}) is not sent: {' '.join((type, about)).strip()}"
            for number, kind, type, about in wrong
        ],
    )


def _waits() -> dict[str, list[Any]]:
    rows = [
        (definition.name, definition.version, wait.name, wait.event)
        for definition in registry.everything()
        for wait in definition.waits.values()
    ]
    names = ("definition", "version", "name", "event")
    return {name: [row[position] for row in rows] for position, name in enumerate(names)}
