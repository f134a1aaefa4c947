"""What the database does for a page: how many queries, and how many rows of the big tables they read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.volume.many_orders import BIG

_BIG_TABLES = {model._meta.db_table for model in BIG}
MOST_ROWS = 2_500
"""Rows one query may read of a big table: a quarter of the orders, and more than a page counts or shows."""


@dataclass(slots=True, repr=False)
class Reading:
    """What was read for one request."""

    response: Any
    queries: list[str] = field(default_factory=list)
    wasteful: list[str] = field(default_factory=list)
    """`rows table: query`, for each query that reads more than `MOST_ROWS` of a big table, in whichever way."""

    def count(self) -> int:
        """How many queries it took; savepoints ask nothing."""
        return len(self.queries)

    def __repr__(self) -> str:
        return "\n".join(query[:200] for query in self.queries)


def reading(ask: Callable[[], Any]) -> Reading:
    """Make a request, and look at the plan of every query that it made."""
    with CaptureQueriesContext(connection) as captured:
        response = ask()
        content = response.content
    assert content is not None
    found = Reading(response)
    for query in (str(each["sql"]) for each in captured.captured_queries):
        if not query.startswith(("SAVEPOINT", "RELEASE")):
            found.queries.append(query)
        if query.startswith("SELECT"):
            found.wasteful += [f"{read}: {query}" for read in _wasteful(query)]
    return found


def _wasteful(query: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (ANALYZE, FORMAT JSON) " + query.replace("%", "%%"), [])
        ((answer,),) = cursor.fetchall()
    (explained,) = json.loads(answer) if isinstance(answer, str) else answer
    scans = [node for node in _nodes(explained["Plan"]) if node.get("Relation Name") in _BIG_TABLES]
    return [f"{_rows(scan)} {scan['Relation Name']}" for scan in scans if _rows(scan) > MOST_ROWS]


def _rows(scan: dict[str, Any]) -> int:
    kept_or_not = ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck")
    return int(sum(scan.get(name, 0) for name in kept_or_not) * scan["Actual Loops"])


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", []):
        yield from _nodes(inner)
