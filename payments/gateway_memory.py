"""The gateway without a network, for tests: the sandbox's own rules over a ledger in memory."""

from __future__ import annotations

from datetime import datetime

from orchestration.providers.sandbox import InProcessConnection
from payments.conf import GATEWAY
from payments.gateway import ListedEffect
from payments.gateway_answers import AnsweringGateway, as_listed
from payments.sandbox.bank import Bank
from payments.sandbox.ledger import Ledger


class InMemoryGateway(AnsweringGateway):
    """A sandbox gateway inside this process; set PAYMENTS_GATEWAY to its dotted path."""

    def __init__(self, *, authorization_days: float = 7.0) -> None:
        self._bank = Bank(Ledger(":memory:"), authorization_days=authorization_days)
        super().__init__(InProcessConnection("gateway", self._bank, seconds=lambda: GATEWAY.timeout))

    def list_effects(self, since: datetime) -> list[ListedEffect]:
        """List all that was done since then, the oldest first."""
        return as_listed(self._bank.ledger.listed(since.timestamp()))
