"""Who removes what: each kind of row has one function that removes one batch of it, in the caller's transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import autodiscover_modules

from orchestration.conf import engine_settings
from orchestration.retention.ages import Age, read_age


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one batch is asked for."""

    before: datetime
    """Rows that came to their end before this moment of the database's clock are old enough."""
    after: Any = None
    """Where the batch before ended, as it said; None for the first."""
    most: int
    """Rows to look at."""
    dry_run: bool = False
    """Only count: lock nothing, remove nothing."""


@dataclass(slots=True, kw_only=True)
class Batch:
    """What one batch did."""

    removed: Counter[str] = field(default_factory=Counter)
    """By kind of row; in a dry run, what would be removed."""
    kept: Counter[str] = field(default_factory=Counter)
    """Old enough, and not removed: by reason."""
    after: Any = None
    """Where it ended; None when there is nothing further."""


Take = Callable[[Round], Batch]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of row that may be removed."""

    name: str
    usual: str
    """Age by default, as people write it."""
    what: str
    """What is removed, in a few words."""
    take: Take


_kinds: dict[str, Kind] = {}


def prunes(name: str, *, usual: str, what: str) -> Callable[[Take], Take]:
    """Register a function that removes one batch of a kind of row. It must hold no lock longer than its transaction.

    Args:
        name: unique; the option of `manage.py prune` and the key in `ORCHESTRATION["RETENTION"]`.
        usual: age by default, such as `90d` or `never`.
        what: for the command's help.

    Raises:
        ValueError: another function has that name.
    """
    read_age(usual)

    def register(take: Take) -> Take:
        known = _kinds.get(name)
        if known is not None and known.take.__module__ != take.__module__:
            raise ValueError(f"two kinds of rows are called {name!r}: give one of them another name")
        _kinds[name] = Kind(name=name, usual=usual, what=what, take=take)
        return take

    return register


def kinds() -> list[Kind]:
    """Every kind there is: `retention` of every installed app is imported; those of the engine come first."""
    from orchestration.retention import leftovers, messages, sagas  # noqa: F401 - each registers its kinds

    autodiscover_modules("retention")
    order = {config.name: position for position, config in enumerate(apps.get_app_configs())}
    return sorted(
        _kinds.values(), key=lambda kind: order.get(kind.take.__module__.partition(".")[0], len(order))
    )


def ages_in_force() -> dict[str, Age]:
    """For each kind its age: `ORCHESTRATION["RETENTION"]`, or else what is usual.

    Raises:
        ImproperlyConfigured: the setting has a kind that does not exist, or what is no age.
    """
    known = {kind.name: kind.usual for kind in kinds()}
    given = dict(engine_settings().RETENTION)
    if unknown := sorted(given.keys() - known.keys()):
        raise ImproperlyConfigured(
            f"ORCHESTRATION['RETENTION'] has unknown keys {', '.join(unknown)}; known are {', '.join(known)}"
        )
    try:
        return {name: read_age(text) for name, text in (known | given).items()}
    except ValueError as error:
        raise ImproperlyConfigured(f"ORCHESTRATION['RETENTION']: {error}") from error
