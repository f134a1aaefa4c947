"""The port to a payment gateway: what payments needs of one, in our words. Adapters are chosen by a setting.

Every verb takes the step's idempotency key: the same key with the same values has one effect, however often it is sent.

What a verb raises says what is known about the money:
StepRetryable     nothing happened: never reached the gateway, or it was told to come back later
StepRejected      nothing happened, and a repetition would not help: declined, already captured (`code` says which)
OutcomeUnknown    sent, and no answer that can be trusted: ask `find` before anything else
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, cast

from django.core.signals import setting_changed
from django.utils.module_loading import import_string

from orchestration.errors import NotCompared
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


class CannotList(NotCompared):
    """The gateway does not say what it has done; the message is a sentence for `verify`."""


class NoLedger(CannotList):
    """What should hold the list is not there."""


class ListsEffects(Protocol):
    """What a gateway may offer beside the verbs: `verify` holds our rows against it. One that cannot leaves it out."""

    def list_effects(self, since: datetime) -> Iterable[ListedEffect]:
        """List all that was done since then, the oldest first; what is older may be among it."""


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


_chosen: dict[str, Gateway] = {}


def gateway() -> Gateway:
    """The gateway of the setting PAYMENTS_GATEWAY, one for the process."""
    path = conf.gateway_class()
    if path not in _chosen:
        _chosen[path] = cast("Gateway", import_string(path)())
    return _chosen[path]


def _forget_on_change(*, setting: str, **_: Any) -> None:
    # Tests change the settings; a gateway built from the old ones would go on talking to the old address.
    if setting.startswith("PAYMENTS_GATEWAY"):
        while _chosen:
            _chosen.popitem()[1].close()


setting_changed.connect(_forget_on_change)
