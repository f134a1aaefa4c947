"""What each statement of a piece of work reads: rows and blocks by table, from PostgreSQL's own account, and no time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import connection

_EXPLAINED = ("SELECT", "WITH", "UPDATE", "INSERT", "DELETE")


@dataclass(frozen=True, slots=True)
class Scan:
    """One table read by one statement."""

    statement: str
    table: str
    index: str
    """Empty where the table was read from end to end."""
    rows: int
    """Looked at, whether kept or not."""
    blocks: int
    """Of the table and its index."""


@contextmanager
def explained(*tables: str) -> Iterator[list[Scan]]:
    """Within the block every statement of this thread is explained before it is executed; the list fills with these tables' scans."""
    scans: list[Scan] = []

    def explain(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.lstrip().startswith(_EXPLAINED):
            cursor = context["cursor"]
            # What an explained statement writes is taken back; it comes again a moment later, in earnest.
            alone = not connection.in_atomic_block
            execute("BEGIN" if alone else "SAVEPOINT explained", None, False, context)
            execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", params, False, context)
            ((answer,),) = cursor.fetchall()
            execute("ROLLBACK" if alone else "ROLLBACK TO explained", None, False, context)
            (plan,) = json.loads(answer) if isinstance(answer, str) else answer
            scans.extend(_scan(sql, node) for node in _nodes(plan["Plan"]) if _is_of(node, tables))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explain):
        yield scans


def _is_of(node: dict[str, Any], tables: tuple[str, ...]) -> bool:
    return "Scan" in node["Node Type"] and node.get("Relation Name") in tables


def _scan(sql: str, node: dict[str, Any]) -> Scan:
    kept_or_not = ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck")
    read = sum(node.get(name, 0) for name in kept_or_not) * node["Actual Loops"]
    blocks = node["Shared Hit Blocks"] + node["Shared Read Blocks"]
    inner = node.get("Plans", [{}])[0] if node["Node Type"] == "Bitmap Heap Scan" else node
    return Scan(sql, node["Relation Name"], inner.get("Index Name", ""), int(read), int(blocks))


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", []):
        yield from _nodes(inner)
