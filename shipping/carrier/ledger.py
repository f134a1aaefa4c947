"""The carrier's ledger file: its labels, and every dispatch that is due or told.

A dispatch stays due until the shop has answered 2xx, also over a restart.
"""

from __future__ import annotations

import time
from typing import Any

from orchestration.providers import sandbox


class Ledger(sandbox.Ledger):
    """The file. Every public method is one durable transaction."""

    subject = "order_id"
    schema = """
CREATE TABLE IF NOT EXISTS labels (
    id TEXT PRIMARY KEY, at REAL NOT NULL, idempotency_key TEXT NOT NULL UNIQUE, order_id TEXT NOT NULL,
    tracking TEXT NOT NULL UNIQUE, service TEXT NOT NULL, request TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS dispatches (
    label_id TEXT PRIMARY KEY REFERENCES labels (id), event_id TEXT NOT NULL UNIQUE, order_id TEXT NOT NULL,
    leaves_at REAL NOT NULL, next_at REAL NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, told_at REAL
);
CREATE INDEX IF NOT EXISTS dispatches_due ON dispatches (next_at) WHERE told_at IS NULL;
-- Labels of a ledger from before answers were kept.
INSERT OR IGNORE INTO answers (idempotency_key, at, request, status, body)
    SELECT idempotency_key, at, request, 201,
           json_object('id', id, 'order_id', order_id, 'tracking', tracking, 'service', service) FROM labels;
"""
    append_only = ("labels",)
    listed_sql = """
SELECT labels.id, labels.order_id, labels.idempotency_key,
       CASE WHEN dispatches.told_at IS NOT NULL THEN dispatches.event_id END AS told_event
  FROM labels LEFT JOIN dispatches ON dispatches.label_id = labels.id
 WHERE labels.at >= ? ORDER BY labels.at
"""

    def add_label(self, *, leaves_at: float, event_id: str, **values: str) -> None:
        """Write a label together with its dispatch, so that no label is ever forgotten."""
        with self.entry():
            self.insert("labels", values | {"at": time.time(), "request": ""})
            self.insert(
                "dispatches",
                {
                    "label_id": values["id"],
                    "event_id": event_id,
                    "order_id": values["order_id"],
                    "leaves_at": leaves_at,
                    "next_at": leaves_at,
                },
            )

    def label(self, key: str) -> dict[str, Any] | None:
        """The label made under this key."""
        return next(iter(self.rows("SELECT * FROM labels WHERE idempotency_key = ?", key)), None)

    def due_dispatches(self, *, now: float, limit: int) -> list[dict[str, Any]]:
        """Dispatches to be told now, the longest due first."""
        return self.rows(
            "SELECT * FROM dispatches WHERE told_at IS NULL AND next_at <= ? ORDER BY next_at LIMIT ?",
            now,
            limit,
        )

    def next_dispatch_at(self) -> float | None:
        """When the next dispatch is due, as seconds since 1970."""
        found: float | None = self.rows("SELECT min(next_at) AS at FROM dispatches WHERE told_at IS NULL")[0][
            "at"
        ]
        return found

    def dispatch_told(self, label_id: str) -> None:
        """The shop has heard of it."""
        self.write(
            "UPDATE dispatches SET told_at = ?, attempts = attempts + 1 WHERE label_id = ?",
            time.time(),
            label_id,
        )

    def dispatch_failed(self, label_id: str, *, next_at: float) -> None:
        """The shop has not heard of it: tell it again at that time."""
        self.write(
            "UPDATE dispatches SET next_at = ?, attempts = attempts + 1 WHERE label_id = ?", next_at, label_id
        )

    def summary(self) -> dict[str, int]:
        """Counts, for people and tests."""
        return self.rows(
            "SELECT (SELECT count(*) FROM calls) AS calls, (SELECT count(*) FROM labels) AS labels,"
            " (SELECT count(*) FROM dispatches WHERE told_at IS NOT NULL) AS told,"
            " (SELECT count(*) FROM dispatches WHERE told_at IS NULL) AS untold"
        )[0]
