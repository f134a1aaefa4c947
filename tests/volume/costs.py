"""What an action costs the database: statements, rows read by table, and pages touched. Counts, and no clock."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

_ROWS = """
SELECT relname, seq_tup_read, idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname LIKE 'orchestration_%%'
"""
_EXPLAINABLE = {"SELECT", "WITH", "INSERT", "UPDATE", "DELETE"}


@dataclass(slots=True)
class Cost:
    """Of one action, in the transaction of the test."""

    statements: list[str] = field(default_factory=list)
    in_order: Counter[str] = field(default_factory=Counter)
    """Rows read by reading a table from its beginning, by table."""
    by_index: Counter[str] = field(default_factory=Counter)
    """Rows read by an index, by table."""

    def rows(self) -> int:
        """Rows read, in whichever way."""
        return self.in_order.total() + self.by_index.total()


def cost_of(act: Callable[[], object], *, by_index_only: bool = False) -> Cost:
    """Do something and count. Must be inside a transaction, which has done nothing else at the same time.

    Args:
        act: what to do.
        by_index_only: have PostgreSQL use an index where there is one, also on tables of a few rows.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL enable_seqscan = {'off' if by_index_only else 'on'}")
    before = _read()
    with CaptureQueriesContext(connection) as captured:
        act()
    after = _read()
    cost = Cost([str(query["sql"]) for query in captured.captured_queries])
    for table, (in_order, by_index) in after.items():
        earlier = before.get(table, (0, 0))
        cost.in_order[table] = in_order - earlier[0]
        cost.by_index[table] = by_index - earlier[1]
    return cost


def _read() -> dict[str, tuple[int, int]]:
    with connection.cursor() as cursor:
        cursor.execute(_ROWS)
        return {
            table: (int(in_order or 0), int(by_index or 0)) for table, in_order, by_index in cursor.fetchall()
        }


@dataclass(frozen=True, slots=True)
class Explained:
    """A statement as PostgreSQL carried it out."""

    statement: str
    pages: int
    """Pages touched, in memory or on disk."""
    read_in_order: tuple[str, ...]
    """Tables that were read from their beginning."""
    indexes: tuple[str, ...]


def explained_all(act: Callable[[], object]) -> list[Explained]:
    """Do something; each of its statements is carried out once before it, looked at, and taken back."""
    found: list[Explained] = []
    looking = False

    def look(execute: Any, statement: str, parameters: Any, many: bool, context: Any) -> Any:
        nonlocal looking
        if not looking and statement.split(maxsplit=1)[0] in _EXPLAINABLE:
            looking = True
            try:
                found.append(explained(statement, parameters))
            finally:
                looking = False
        return execute(statement, parameters, many, context)

    with connection.execute_wrapper(look):
        act()
    return found


def explained(statement: str, parameters: Any) -> Explained:
    """Carry a statement out with EXPLAIN (ANALYZE, BUFFERS), and take back what it did."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + statement, parameters)
        ((answer,),) = cursor.fetchall()
        transaction.set_rollback(True)
    (found,) = json.loads(answer) if isinstance(answer, str) else answer
    plan = found["Plan"]
    nodes = list(_nodes(plan))
    return Explained(
        statement=statement,
        pages=int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]),
        read_in_order=tuple(node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan"),
        indexes=tuple(
            name
            for node in nodes
            for name in (
                *([node["Index Name"]] if "Index Name" in node else []),
                *node.get("Conflict Arbiter Indexes", []),
            )
        ),
    )


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", []):
        yield from _nodes(inner)
