"""The port to a payment gateway: what payments needs of one, in our words. Adapters are chosen by a setting.

Every verb takes the step's idempotency key: the same key with the same values has one effect, however often it is sent.

What a verb raises says what is known about the money:
StepRetryable     nothing happened: never reached the gateway, or it was told to come back later
StepRejected      nothing happened, and a repetition would not help: declined, already captured (`code` says which)
OutcomeUnknown    sent, and no answer that can be trusted: ask `find` before anything else
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from payments import conf


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """Something the gateway has done: it held, took, gave back or let go of an amount."""

    id: str
    kind: str
    """`authorization`, `capture`, `refund` or `void`."""
    order_id: str
    authorization_id: str
    amount_minor: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedEffect(Effect):
    """An effect as the gateway lists it."""

    key: str
    """The idempotency key it was made under."""


class Gateway(Protocol):
    """A payment gateway."""

    def authorize(self, *, key: str, order_id: str, amount_minor: int, currency: str, card: str) -> Effect:
        """Hold an amount."""

    def capture(self, *, key: str, authorization_id: str, amount_minor: int, currency: str) -> Effect:
        """Take an amount that is held."""

    def refund(self, *, key: str, capture_id: str, amount_minor: int, currency: str) -> Effect:
        """Give back an amount that was taken."""

    def void(self, *, key: str, authorization_id: str) -> Effect:
        """Let go of an amount that is held."""

    def authorization_state(self, authorization_id: str) -> str:
        """Say whether it is `authorized`, `captured`, `voided` or `expired`."""

    def find(self, key: str) -> Effect | None:
        """Say what was done under this key, if anything was."""

    def refuse(self, key: str) -> Effect | None:
        """Make sure that nothing is done under this key from now on, and say what had been done already."""

    def close(self) -> None:
        """Give up open connections; the next call opens new ones."""


def gateway() -> Gateway:
    """The gateway of the setting PAYMENTS_GATEWAY, one for the process."""
    chosen: Gateway = conf.GATEWAY.client()
    return chosen
