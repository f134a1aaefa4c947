"""The port to a carrier: what shipping needs of one, in our words. Adapters are chosen by a setting.

Every verb takes the step's idempotency key: the same key with the same values makes one label, however often it is sent.

What a verb raises says what is known about the label:
StepRetryable     there is none: never reached the carrier, or it was told to come back later
StepRejected      there is none, and a repetition would not help (`code` says why, e.g. `undeliverable`)
OutcomeUnknown    sent, and no answer that can be trusted: ask `find` before anything else
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from shipping import conf
from shipping.contracts import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A parcel the carrier has accepted."""

    id: str
    tracking: str
    service: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedParcel:
    """A parcel as the carrier lists it."""

    label_id: str
    order_id: str
    key: str
    """The idempotency key its label was made under."""
    told_event: str = ""
    """Id of the event by which we were told that it has left, and said that we have it; empty before that."""


class Carrier(Protocol):
    """A carrier of parcels."""

    def create_label(
        self, *, key: str, order_id: str, reference: str, ship_to: Address, service: str | None
    ) -> Label:
        """Have a parcel accepted."""

    def find(self, key: str) -> Label | None:
        """Say which label was made under this key, if one was."""

    def refuse(self, key: str) -> Label | None:
        """Make sure that none is made under this key from now on, and say which had been made already."""

    def close(self) -> None:
        """Give up open connections; the next call opens new ones."""


def carrier() -> Carrier:
    """The carrier of the setting SHIPPING_CARRIER, one for the process."""
    chosen: Carrier = conf.CARRIER.client()
    return chosen
