"""The gateway's ledger file: what was held, taken, given back and let go. The database keeps one capture and one void per authorization."""

from __future__ import annotations

import time
from typing import Any

from orchestration.providers import sandbox


class Ledger(sandbox.Ledger):
    """The file. What a rule reads and writes belongs inside one `entry()`."""

    subject = "order_id"
    schema = """
CREATE TABLE IF NOT EXISTS effects (
    id TEXT PRIMARY KEY, seq INTEGER NOT NULL UNIQUE, at REAL NOT NULL, idempotency_key TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL CHECK (kind IN ('authorization', 'capture', 'refund', 'void')),
    order_id TEXT NOT NULL, authorization_id TEXT NOT NULL, capture_id TEXT,
    amount_minor INTEGER NOT NULL CHECK (amount_minor > 0), currency TEXT NOT NULL CHECK (length(currency) = 3),
    card TEXT NOT NULL, expires_at REAL
);
CREATE UNIQUE INDEX IF NOT EXISTS one_capture ON effects (authorization_id) WHERE kind = 'capture';
CREATE UNIQUE INDEX IF NOT EXISTS one_void ON effects (authorization_id) WHERE kind = 'void';
CREATE INDEX IF NOT EXISTS effects_by_authorization ON effects (authorization_id);
"""
    append_only = ("effects",)
    listed_sql = "SELECT * FROM effects WHERE at >= ? ORDER BY seq"

    def add_effect(self, **values: Any) -> None:
        """Write an effect."""
        (last,) = self.rows("SELECT coalesce(max(seq), 0) AS seq FROM effects")
        self.insert("effects", {"seq": last["seq"] + 1, "at": time.time(), **values})

    def effect(self, **where: str) -> dict[str, Any] | None:
        """The one effect with these values, or None."""
        return next(iter(self.effects(**where)), None)

    def effects(self, **where: str) -> list[dict[str, Any]]:
        """All effects with these values, oldest first."""
        condition = " AND ".join(f"{column} = ?" for column in where) or "1"
        return self.rows(
            f"SELECT * FROM effects WHERE {condition} ORDER BY seq",  # noqa: S608 - column names are ours
            *where.values(),
        )

    def summary(self) -> dict[str, Any]:
        """Counts and sums (minor units by currency), for people and tests."""
        kinds = {"authorization": 0, "capture": 0, "refund": 0, "void": 0}
        sums: dict[str, dict[str, int]] = {"capture": {}, "refund": {}}
        for row in self.rows(
            "SELECT kind, currency, count(*) AS number, sum(amount_minor) AS amount FROM effects GROUP BY 1, 2"
        ):
            kinds[row["kind"]] += row["number"]
            if row["kind"] in sums:
                sums[row["kind"]][row["currency"]] = row["amount"]
        return {
            "calls": self.rows("SELECT count(*) AS number FROM calls")[0]["number"],
            "effects": kinds,
            "captured_minor": sums["capture"],
            "refunded_minor": sums["refund"],
        }
