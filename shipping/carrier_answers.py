"""What the carrier's answers mean: its verbs over any connection, and what each answer says is known about the label."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from orchestration import OutcomeUnknown, StepRejected, StepRetryable
from orchestration.providers import AnswerTable, Meaning, ProviderClient, name_in
from shipping.contracts import Address
from shipping.labels import Label, ListedParcel

CLIENT_ERROR = range(400, 500)


class AnsweringCarrier(ProviderClient[Label]):
    """The verbs of the port."""

    table = AnswerTable(
        provider="carrier",
        rows=(
            Meaning(
                (401, 403),
                StepRetryable,
                code="carrier_key_refused",
                message="The carrier refuses our key: check ORDERLY_CARRIER_SECRET.",
            ),
            Meaning((408, 425, 429), StepRetryable, code="carrier_busy"),
            # Another label was made under this key.
            Meaning(CLIENT_ERROR, OutcomeUnknown, given="idempotency_key_reused"),
            Meaning(CLIENT_ERROR, StepRejected),
        ),
    )

    def read(self, body: Any) -> Label:
        """Return the label that an answer describes."""
        return Label(
            id=name_in(body, "id"), tracking=name_in(body, "tracking"), service=name_in(body, "service")
        )

    def create_label(
        self, *, key: str, order_id: str, reference: str, ship_to: Address, service: str | None
    ) -> Label:
        """Have a parcel accepted."""
        body = {
            "order_id": order_id,
            "reference": reference,
            "ship_to": ship_to.model_dump(mode="json"),
            "service": service,
        }
        return self.act("/labels", key=key, body=body)


def as_listed(rows: Iterable[dict[str, Any]]) -> list[ListedParcel]:
    """Rows of a ledger in the words of the port."""
    return [
        ListedParcel(
            label_id=row["id"],
            order_id=row["order_id"],
            key=row["idempotency_key"],
            told_event=row["told_event"] or "",
        )
        for row in rows
    ]
