"""Asking the rows: one SQL statement per question, beside it what this process knows of its definitions."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from string import Template
from typing import Any

from orchestration.core.definition import registry
from orchestration.core.definition.binding import has_undo
from orchestration.core.definition.nodes import Choice, Node, Parallel, Sequence, Step, Wait
from orchestration.core.definition.saga_definition import SagaDefinition
from orchestration.engine.database.connection import connection

_FRAGMENTS = {
    # How a saga is called in a violation; what `saga show` understands comes last.
    "saga": "s.definition || ' ' || COALESCE(NULLIF(s.reference, ''), s.business_key)",
    # Every step and wait of every known definition; parameters from `facts()`.
    "facts": """
        facts (definition, version, step, is_external, has_undo, is_pivot, is_closing) AS (
            SELECT * FROM unnest(%(definition)s::text[], %(version)s::int[], %(step)s::text[],
                                 %(is_external)s::bool[], %(has_undo)s::bool[], %(is_pivot)s::bool[],
                                 %(is_closing)s::bool[])
        )""",
    # The newest row of a saga `s` for the name and direction that follow in brackets: an index look-up for each, so
    # that a planner without statistics (after an import, say) cannot choose a plan that takes the square of the time.
    "newest": """
        LATERAL (SELECT t.* FROM orchestration_sagastep t WHERE t.saga_id = s.id AND (t.name, t.direction) =""",
    "end": "ORDER BY t.generation DESC LIMIT 1)",
    # Where undo began.
    "begun": """
        begun AS (
            SELECT saga_id, min(seq) AS seq, min(at) AS at FROM orchestration_sagaevent
             WHERE kind = 'undo_begun' GROUP BY saga_id
        )""",
    "is_undone": "s.state IN ('compensated', 'failed', 'cancelled')",
    "is_finished": "IN ('done', 'not_needed', 'skipped')",
    # How long a message may be on its way: many sweeps, and a restart of the broker.
    "patience": "interval '30 seconds'",
    # How late the heartbeat may be: it beats each second, and a restart of all workers is forgiven.
    "overdue": "interval '60 seconds'",
}
"""What several questions have in common, written `$saga`, `$facts`… in them. Values are parameters, never text."""


def ask(sql: str, parameters: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
    """All rows of one statement; `$name` in it stands for a fragment."""
    with connection.cursor() as cursor:
        cursor.execute(Template(sql).substitute(_FRAGMENTS), parameters)
        return list(cursor.fetchall())


def count(sql: str, parameters: dict[str, Any] | None = None) -> int:
    """How many rows a FROM clause (with its WHERE) has."""
    return int(ask("SELECT count(*) FROM " + sql, parameters)[0][0])  # noqa: S608 - from our own constants


def facts() -> dict[str, list[Any]]:
    """Parameters of `FACTS`, one list per column."""
    names = ("definition", "version", "step", "is_external", "has_undo", "is_pivot", "is_closing")
    rows = [row for definition in registry.everything() for row in _facts_of(definition)]
    return {name: [row[position] for row in rows] for position, name in enumerate(names)}


def _facts_of(definition: SagaDefinition) -> Iterator[tuple[Any, ...]]:
    always = (
        {node.name for node in _always(definition.after_undo)} if definition.after_undo is not None else set()
    )
    for node in definition.walk():
        if isinstance(node, Wait):
            yield definition.name, definition.version, node.name, False, False, False, False
        elif isinstance(node, Step):
            undone = has_undo(node) and not node.pivot
            external = node.reference.is_external
            yield (
                definition.name,
                definition.version,
                node.name,
                external,
                undone,
                node.pivot,
                node.name in always,
            )


def _always(node: Node) -> Iterator[Step]:
    """Steps that run on every way through a part of a flow: those within a choice may not."""
    if isinstance(node, Step):
        yield node
    elif isinstance(node, Sequence | Parallel):
        for part in node.children():
            yield from _always(part)


def pairs() -> dict[str, list[Any]]:
    """Steps with an undo that come one after the other, of every known definition: definition, version, earlier, later."""
    rows = [
        (definition.name, definition.version, earlier.name, later.name)
        for definition in registry.everything()
        for earlier, later in _ordered(definition.flow)
        if has_undo(earlier) and has_undo(later)
    ]
    names = ("definition", "version", "earlier", "later")
    return {name: [row[position] for row in rows] for position, name in enumerate(names)}


def _ordered(node: Node) -> Iterator[tuple[Step, Step]]:
    """Pairs of steps whose order the flow demands; branches beside each other demand none."""
    if isinstance(node, Sequence):
        for before, after in combinations(node.nodes, 2):
            for earlier in before.walk():
                for later in after.walk():
                    if isinstance(earlier, Step) and isinstance(later, Step):
                        yield earlier, later
    if isinstance(node, Sequence | Parallel | Choice):
        for part in node.children():
            yield from _ordered(part)
