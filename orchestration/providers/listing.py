"""What a provider says it has done: the second witness that `verify` holds our rows against."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from orchestration.errors import NotCompared

Listed = TypeVar("Listed", covariant=True)

BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)


class CannotList(NotCompared):
    """A provider does not say what it has done; the message is a sentence for `verify`."""


class NoLedger(CannotList):
    """What should hold the list is not there."""


class ListsEffects(Protocol[Listed]):
    """What a client may offer beside its verbs. One whose provider has no such list leaves it out."""

    def list_effects(self, since: datetime) -> Iterable[Listed]:
        """List all that was done since then, the oldest first; what is older may be among it."""


def effects_listed_by(client: object, named: str, *, since: datetime | None) -> list[Any]:
    """Return all that a client's provider lists since a moment, or since ever.

    Raises:
        CannotList: it cannot; the message says so in a sentence, with `named` as its subject.
    """
    lists = getattr(client, "list_effects", None)
    if lists is None:
        raise CannotList(f"{named} cannot list its effects")
    return list(lists(BEGINNING if since is None else since))
