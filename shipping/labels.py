"""The port to a carrier: what shipping needs of one, in our words. Adapters are chosen by a setting.

Every verb takes the step's idempotency key: the same key with the same values makes one label, however often it is sent.

What a verb raises says what is known about the label:
StepRetryable     there is none: never reached the carrier, or it was told to come back later
StepRejected      there is none, and a repetition would not help (`code` says why, e.g. `undeliverable`)
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


class CannotList(NotCompared):
    """The carrier does not say what it has done; the message is a sentence for `verify`."""


class NoLedger(CannotList):
    """What should hold the list is not there."""


class ListsEffects(Protocol):
    """What a carrier may offer beside the verbs: `verify` holds our rows against it. One that cannot leaves it out."""

    def list_effects(self, since: datetime) -> Iterable[ListedParcel]:
        """List the parcels accepted since then, the oldest first; what is older may be among it."""


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


_chosen: dict[str, Carrier] = {}


def carrier() -> Carrier:
    """The carrier of the setting SHIPPING_CARRIER, one for the process."""
    path = conf.carrier_class()
    if path not in _chosen:
        _chosen[path] = cast("Carrier", import_string(path)())
    return _chosen[path]


def _forget_on_change(*, setting: str, **_: Any) -> None:
    # Tests change the settings; a carrier built from the old ones would go on talking to the old address.
    if setting.startswith("SHIPPING_CARRIER"):
        while _chosen:
            _chosen.popitem()[1].close()


setting_changed.connect(_forget_on_change)
