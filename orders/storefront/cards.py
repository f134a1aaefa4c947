"""The test cards a customer can choose from at the checkout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from django.conf import settings
from django.utils.module_loading import import_string

PRESELECTED = "card_ok"


class Card(Protocol):
    """A card of the payment provider's sandbox."""

    @property
    def name(self) -> str:
        """The token an order carries."""

    @property
    def sentence(self) -> str:
        """What happens with it, for people."""


def cards() -> list[Card]:
    """The cards on offer, in the provider's order.

    Settings: `ORDERLY_TEST_CARDS`, dotted path of a mapping of token to card, because this app does not know the
    payment provider. Unset, there are none and nothing can be ordered in the shop.
    """
    path = getattr(settings, "ORDERLY_TEST_CARDS", "")
    table: Mapping[str, Card] = import_string(path) if path else {}
    return list(table.values())
