"""What the sandbox has done, for `verify`: read from its ledger file, so that it can be compared when the sandbox is down."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from shipping.carrier.ledger import LISTED
from shipping.labels import ListedParcel, NoLedger


def in_file(path: Path, since: datetime) -> list[ListedParcel]:
    """The parcels in a ledger file, which is opened to read only.

    Raises:
        NoLedger: there is no such file.
    """
    if not path.is_file():
        raise NoLedger(f"no ledger at {path}")
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=5)) as ledger:
        ledger.row_factory = sqlite3.Row
        return as_listed(dict(row) for row in ledger.execute(LISTED, (since.timestamp(),)))


def as_listed(rows: Iterable[dict[str, Any]]) -> list[ListedParcel]:
    """Rows of a ledger in the words of the port."""
    return [
        ListedParcel(
            label_id=row["id"],
            order_id=row["order_id"],
            key=row["idempotency_key"],
            told_event=row["told_event"] or "",
        )
        for row in rows
    ]
