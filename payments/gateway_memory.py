"""The gateway without a network, for tests: the sandbox's own rules over a ledger in memory.

It runs the very code of the sandbox, so it cannot be kinder than the real thing; one contract suite runs over both.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from orchestration import OutcomeUnknown
from payments import conf
from payments.gateway import ListedEffect, NoLedger
from payments.gateway_answers import AnsweringGateway, Reply
from payments.sandbox.bank import Bank
from payments.sandbox.ledger import Ledger
from payments.sandbox.listing import as_listed
from payments.sandbox.routes import route


class InMemoryGateway(AnsweringGateway):
    """A sandbox gateway inside this process; set PAYMENTS_GATEWAY to its dotted path. An answer that hangs is never seen."""

    def __init__(self, *, authorization_days: float = 7.0) -> None:
        self._ledger = Ledger(":memory:")
        self._bank = Bank(self._ledger, authorization_days=authorization_days)

    def close(self) -> None:
        """Forget everything."""
        self._ledger.close()

    def list_effects(self, since: datetime) -> list[ListedEffect]:
        """List all that was done since then, the oldest first."""
        try:
            return as_listed(self._bank.ledger.listed(since.timestamp()))
        except FileNotFoundError as error:
            raise NoLedger(str(error)) from None

    def exchange(self, method: str, path: str, *, key: str | None = None, body: Any = None) -> Reply:
        """Act, and answer at once."""
        content = b"" if body is None else json.dumps(body).encode()
        answer = route(self._bank, method, path, key=key, body=content)
        if answer.delay > conf.gateway_timeout():
            raise OutcomeUnknown("No answer from the gateway in time.")
        return Reply(answer.status, answer.body)
