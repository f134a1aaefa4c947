"""Counting rows for a list without reading a whole table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.paginator import Paginator
from django.db import connections
from django.utils.functional import cached_property

if TYPE_CHECKING:
    _Paginator = Paginator[Any]
else:
    _Paginator = Paginator

COUNTED = 2_000
"""Rows counted one by one; beyond that an unfiltered list is estimated, and a filtered one ends there."""


class EstimatingPaginator(_Paginator):
    """Exact up to COUNTED rows. A longer list without a filter takes PostgreSQL's own estimate."""

    @cached_property
    def count(self) -> int:
        """How many rows there are, or about how many."""
        rows: Any = self.object_list
        if not rows.query.where and (estimate := _estimate(rows)) > COUNTED:
            return estimate
        return int(rows.order_by()[:COUNTED].count())


def _estimate(rows: Any) -> int:
    """Rows of the table as the last ANALYZE saw them; -1 when it never did."""
    with connections[rows.db].cursor() as cursor:
        cursor.execute(
            "SELECT reltuples::bigint FROM pg_class WHERE oid = %s::regclass", [rows.model._meta.db_table]
        )
        found = cursor.fetchone()
    return int(found[0]) if found else -1
