"""The carrier over HTTP, and the list of what our sandbox has done."""

from __future__ import annotations

from datetime import datetime

from orchestration.providers import CannotList
from orchestration.providers.http import HttpConnection
from shipping.carrier.ledger import Ledger
from shipping.carrier_answers import AnsweringCarrier, as_listed
from shipping.conf import CARRIER, carrier_secrets
from shipping.labels import ListedParcel
from shipping.standard_webhooks import api_key


class HttpCarrier(AnsweringCarrier):
    """Talks to the carrier at SHIPPING_CARRIER_URL."""

    def __init__(self) -> None:
        super().__init__(
            HttpConnection(
                "carrier",
                address=lambda: CARRIER.url,
                headers=lambda: {"Authorization": f"Bearer {api_key(carrier_secrets()[0])}"},
                seconds=CARRIER.timeout,
            )
        )

    def list_effects(self, since: datetime) -> list[ListedParcel]:
        """List what our sandbox has done: it has a ledger file. A carrier elsewhere has nothing of the kind.

        Raises:
            CannotList: another carrier than the sandbox of this system is talked to.
            NoLedger: the sandbox has no ledger where it should be.
        """
        if not CARRIER.is_sandbox:
            raise CannotList("the carrier cannot list its effects")
        return as_listed(Ledger.listed_in(CARRIER.ledger, since.timestamp()))
