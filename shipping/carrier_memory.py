"""The carrier without a network, for tests: the sandbox's own rules over a ledger in memory."""

from __future__ import annotations

from datetime import datetime

from orchestration.providers.sandbox import InProcessConnection
from shipping.carrier.desk import Desk
from shipping.carrier.ledger import Ledger
from shipping.carrier_answers import AnsweringCarrier, as_listed
from shipping.conf import CARRIER
from shipping.labels import ListedParcel


class InMemoryCarrier(AnsweringCarrier):
    """A carrier inside this process; set SHIPPING_CARRIER to its dotted path. It never sends a webhook by itself."""

    def __init__(self) -> None:
        self._desk = Desk(Ledger(":memory:"), seconds=0.0)
        super().__init__(InProcessConnection("carrier", self._desk, seconds=lambda: CARRIER.timeout))

    def list_effects(self, since: datetime) -> list[ListedParcel]:
        """List the parcels accepted since then, the oldest first."""
        return as_listed(self._desk.ledger.listed(since.timestamp()))
