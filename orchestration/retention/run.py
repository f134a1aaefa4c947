"""A run of retention: batch after batch, each a short transaction of its own, until nothing is old enough.

Guarantee: whenever it is interrupted, what is gone is gone as a whole and the rest is untouched; run again, it goes on.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from django.db import OperationalError

from orchestration.engine.database.connection import connection, transaction
from orchestration.engine.rows.reading import database_now
from orchestration.retention.ages import Age
from orchestration.retention.registry import Batch, Kind, Round

LOCK_TIMEOUT = "1s"
"""A batch that would hold others up, or is held up, for longer gives way and is tried again."""
TRIES = 3
"""Of one batch; then the rest of its kind is left for the next run."""


@dataclass(slots=True)
class Pruned:
    """What a run has done so far."""

    dry_run: bool = False
    complete: bool = False
    """Whether it came to its end; False when it was interrupted, or gave way to others."""
    batches: int = 0
    removed: Counter[str] = field(default_factory=Counter)
    """Rows by kind; in a dry run, what would be removed."""
    sagas: Counter[str] = field(default_factory=Counter)
    """Sagas by how they ended."""
    kept: Counter[str] = field(default_factory=Counter)
    """Sagas that are old enough and were kept, by reason."""
    gave_way: list[str] = field(default_factory=list)
    """Kinds of which the rest was left because others held a lock for too long."""


def prune(
    kinds: list[Kind],
    ages: Mapping[str, Age],
    *,
    batch: int,
    pause: float = 0.0,
    dry_run: bool = False,
    tell: Callable[[str, Pruned], None] = lambda name, so_far: None,
    done: Pruned | None = None,
) -> Pruned:
    """Remove what is old enough.

    Opens a transaction for each batch; call it with none open. Several at once share the work: rows that another holds
    are passed over.

    Args:
        kinds: what to look at, in this order.
        ages: for each kind its age; None is never.
        batch: rows to look at in one transaction.
        pause: seconds between two batches, which leave the disk and the locks to others.
        dry_run: only count.
        tell: called after each batch with the kind's name.
        done: what is filled in; whoever interrupts the run still has it.
    """
    done = done or Pruned()
    done.dry_run = dry_run
    now = database_now()
    for kind in kinds:
        age = ages[kind.name]
        if age is None:
            continue
        asked = Round(before=now - age, most=batch, dry_run=dry_run)
        while True:
            found = _one(kind, asked)
            if found is None:
                done.gave_way.append(kind.name)
                break
            done.batches += 1
            done.removed.update(found.removed)
            done.kept.update(found.kept)
            if "sagas" in found.removed:
                done.sagas[kind.name] += found.removed["sagas"]
            tell(kind.name, done)
            if found.after is None:
                break
            asked = replace(asked, after=found.after)
            time.sleep(pause)  # so that it never takes the whole of a disk that orders are being written to
    done.complete = not done.gave_way
    return done


def _one(kind: Kind, asked: Round) -> Batch | None:
    """One batch in a transaction of its own; None when others held it up again and again."""
    for _ in range(TRIES):
        try:
            with transaction.atomic():
                with connection.cursor() as cursor:
                    cursor.execute("SELECT set_config('lock_timeout', %s, true)", [LOCK_TIMEOUT])
                return kind.take(asked)
        except OperationalError as error:
            if getattr(error.__cause__, "pgcode", "") not in _IN_THE_WAY:
                raise
    return None


_IN_THE_WAY = {"55P03", "40P01"}
"""SQLSTATE: a lock was not to be had in time; a deadlock."""
