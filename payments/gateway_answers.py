"""What the gateway's answers mean: its verbs over any connection, and what each answer says is known about the money."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from orchestration import OutcomeUnknown, StepRejected, StepRetryable
from orchestration.providers import AnswerTable, Meaning, ProviderClient, name_in
from orchestration.providers.client import quoted
from payments.gateway import Effect, ListedEffect

CLIENT_ERROR = range(400, 500)


class AnsweringGateway(ProviderClient[Effect]):
    """The verbs of the port."""

    table = AnswerTable(
        provider="gateway",
        rows=(
            Meaning(
                (401, 403),
                StepRetryable,
                code="gateway_key_refused",
                message="The gateway refuses our key: check ORDERLY_GATEWAY_SECRET.",
            ),
            Meaning((408, 425, 429), StepRetryable, code="gateway_busy"),
            # Something else was done under this key.
            Meaning(CLIENT_ERROR, OutcomeUnknown, given="idempotency_key_reused"),
            Meaning(CLIENT_ERROR, StepRejected),
        ),
    )

    def read(self, body: Any) -> Effect:
        """Return the effect that an answer describes."""
        return Effect(
            id=name_in(body, "id"),
            kind=name_in(body, "kind"),
            order_id=name_in(body, "order_id"),
            authorization_id=name_in(body, "authorization_id"),
            amount_minor=int(body["amount_minor"]),
            currency=name_in(body, "currency"),
        )

    def authorize(self, *, key: str, order_id: str, amount_minor: int, currency: str, card: str) -> Effect:
        """Hold an amount."""
        body = {"order_id": order_id, "amount_minor": amount_minor, "currency": currency, "card": card}
        return self.act("/authorizations", key=key, body=body)

    def capture(self, *, key: str, authorization_id: str, amount_minor: int, currency: str) -> Effect:
        """Take an amount that is held."""
        body = {"amount_minor": amount_minor, "currency": currency}
        return self.act(f"/authorizations/{quoted(authorization_id)}/capture", key=key, body=body)

    def refund(self, *, key: str, capture_id: str, amount_minor: int, currency: str) -> Effect:
        """Give back an amount that was taken."""
        body = {"amount_minor": amount_minor, "currency": currency}
        return self.act(f"/captures/{quoted(capture_id)}/refund", key=key, body=body)

    def void(self, *, key: str, authorization_id: str) -> Effect:
        """Let go of an amount that is held."""
        return self.act(f"/authorizations/{quoted(authorization_id)}/void", key=key, body={})

    def authorization_state(self, authorization_id: str) -> str:
        """Say whether it is `authorized`, `captured`, `voided` or `expired`."""
        path = f"/authorizations/{quoted(authorization_id)}"
        return self.ask("GET", path, lambda body: name_in(body, "state"))


def as_listed(rows: Iterable[dict[str, Any]]) -> list[ListedEffect]:
    """Rows of a ledger in the words of the port."""
    return [
        ListedEffect(
            id=row["id"],
            kind=row["kind"],
            order_id=row["order_id"],
            authorization_id=row["authorization_id"],
            amount_minor=row["amount_minor"],
            currency=row["currency"],
            key=row["idempotency_key"],
        )
        for row in rows
    ]
