"""The gateway over HTTP, and the list of what our sandbox has done."""

from __future__ import annotations

from datetime import datetime

from orchestration.providers import CannotList
from orchestration.providers.http import HttpConnection
from payments.conf import GATEWAY
from payments.gateway import ListedEffect
from payments.gateway_answers import AnsweringGateway, as_listed
from payments.sandbox.ledger import Ledger


class HttpGateway(AnsweringGateway):
    """Talks to the gateway at PAYMENTS_GATEWAY_URL."""

    def __init__(self) -> None:
        super().__init__(
            HttpConnection(
                "gateway",
                address=lambda: GATEWAY.url,
                headers=lambda: {"Authorization": f"Bearer {GATEWAY.secret}"},
                seconds=GATEWAY.timeout,
            )
        )

    def list_effects(self, since: datetime) -> list[ListedEffect]:
        """List what our sandbox has done: it has a ledger file. A gateway elsewhere has nothing of the kind.

        Raises:
            CannotList: another gateway than the sandbox of this system is talked to.
            NoLedger: the sandbox has no ledger where it should be.
        """
        if not GATEWAY.is_sandbox:
            raise CannotList("the payment gateway cannot list its effects")
        return as_listed(Ledger.listed_in(GATEWAY.ledger, since.timestamp()))
