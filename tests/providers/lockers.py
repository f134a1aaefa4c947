"""A provider of somebody else's: parcel lockers. All that its author writes for a sandbox, and for a client."""

from __future__ import annotations

import os
import time
from typing import Any
from uuid import uuid4

from orchestration.errors import OutcomeUnknown, StepRejected, StepRetryable
from orchestration.providers import AnswerTable, Meaning, ProviderClient, name_in, sandbox
from orchestration.providers.sandbox import Answer, Call, Faults, Refusal, Sandbox, not_found, read_text

SIZES = {"small": Faults(), "lost": Faults(first_answer_hangs=True), "down": Faults(failures_before_acting=2)}


class LockerLedger(sandbox.Ledger):
    schema = "CREATE TABLE IF NOT EXISTS lockers (idempotency_key TEXT PRIMARY KEY, at REAL, code TEXT, size TEXT);"
    append_only = ("lockers",)
    listed_sql = "SELECT * FROM lockers WHERE at >= ? ORDER BY at"


class Lockers(Sandbox[LockerLedger]):
    def respond(self, call: Call) -> Answer:
        if (call.method, call.path) != ("POST", "/lockers"):
            raise not_found("such address")
        key, size = call.required_key, read_text(call.request, "size")

        def act(calls_before: int) -> None:
            if size not in SIZES:
                raise Refusal(422, "no_such_size", "There are no lockers of this size.")
            SIZES[size].before_acting(calls_before)
            values = {"idempotency_key": key, "at": time.time(), "code": uuid4().hex, "size": size}
            self.ledger.insert("lockers", values)

        return self.once("rent", call, act)

    def effect(self, key: str) -> dict[str, Any] | None:
        found = self.ledger.rows("SELECT code, size FROM lockers WHERE idempotency_key = ?", key)
        return found[0] if found else None

    def faults(self, operation: str, effect: dict[str, Any]) -> Faults:
        return SIZES[effect["size"]]

    def summary(self) -> dict[str, Any]:
        return {"lockers": len(self.ledger.listed(0.0))}


def build() -> sandbox.SandboxServer:
    lockers = Lockers(LockerLedger(sandbox.ledger_file("LOCKERS_LEDGER")))
    return sandbox.SandboxServer(
        int(sandbox.required("LOCKERS_PORT")),
        lockers,
        api_key=sandbox.required("LOCKERS_SECRET"),
        hang_seconds=float(os.environ["LOCKERS_HANG_SECONDS"]),
    )


class LockerClient(ProviderClient[str]):
    table = AnswerTable(
        provider="locker",
        rows=(
            Meaning((429, 503), StepRetryable, code="locker_away"),
            Meaning(range(400, 500), OutcomeUnknown, given="idempotency_key_reused"),
            Meaning(range(400, 500), StepRejected),
        ),
    )

    def read(self, body: Any) -> str:
        return name_in(body, "code")

    def rent(self, *, key: str, size: str) -> str:
        return self.act("/lockers", key=key, body={"size": size})


if __name__ == "__main__":
    raise SystemExit(sandbox.serve("lockers", build))
