"""What the sandbox has done, for `verify`: read from its ledger file, so that it can be compared when the sandbox is down."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from payments.gateway import ListedEffect, NoLedger


def in_file(path: Path, since: datetime) -> list[ListedEffect]:
    """The effects in a ledger file, which is opened to read only.

    Raises:
        NoLedger: there is no such file.
    """
    if not path.is_file():
        raise NoLedger(f"no ledger at {path}")
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=5)) as ledger:
        ledger.row_factory = sqlite3.Row
        rows = ledger.execute("SELECT * FROM effects WHERE at >= ? ORDER BY seq", (since.timestamp(),))
        return as_listed(dict(row) for row in rows)


def as_listed(rows: Iterable[dict[str, Any]]) -> list[ListedEffect]:
    """Rows of a ledger in the words of the port."""
    return [
        ListedEffect(
            id=row["id"],
            kind=row["kind"],
            order_id=row["order_id"],
            authorization_id=row["authorization_id"],
            amount_minor=row["amount_minor"],
            currency=row["currency"],
            key=row["idempotency_key"],
        )
        for row in rows
    ]
