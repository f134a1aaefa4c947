"""The carrier without a network, for tests: the sandbox's own rules over a ledger in memory.

It runs the very code of the sandbox, so it cannot be kinder than the real thing; one contract suite runs over both.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from orchestration import OutcomeUnknown
from shipping import conf
from shipping.carrier.desk import Desk
from shipping.carrier.ledger import Ledger
from shipping.carrier.listing import as_listed
from shipping.carrier_answers import AnsweringCarrier, Reply
from shipping.labels import ListedParcel, NoLedger


class InMemoryCarrier(AnsweringCarrier):
    """A carrier inside this process; set SHIPPING_CARRIER to its dotted path. It never sends a webhook by itself."""

    def __init__(self) -> None:
        self._ledger = Ledger(":memory:")
        self._desk = Desk(self._ledger, seconds=0.0)

    def close(self) -> None:
        """Forget everything."""
        self._ledger.close()

    def list_effects(self, since: datetime) -> list[ListedParcel]:
        """List the parcels accepted since then, the oldest first."""
        try:
            return as_listed(self._desk.ledger.listed(since.timestamp()))
        except FileNotFoundError as error:
            raise NoLedger(str(error)) from None

    def exchange(self, method: str, path: str, *, key: str | None = None, body: Any = None) -> Reply:
        """Act, and answer at once."""
        content = b"" if body is None else json.dumps(body).encode()
        answer = self._desk.answer(method, path, key=key, body=content)
        if answer.delay > conf.carrier_timeout():
            raise OutcomeUnknown("No answer from the carrier in time.")
        return Reply(answer.status, answer.body)
