"""The plan of a run: which orders arrive when, how each must end, and which fault strikes when. Pure: a seed is a plan."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from tests.chaos.orders import SHARES, PlannedOrder, Shelf, apportion, plan_orders


class FaultKind(StrEnum):
    """What is done to the system."""

    KILL_CHILD = "kill_child"
    KILL_GROUP = "kill_group"
    KILL_SWEEPER = "kill_sweeper"
    """A worker's main process, in which its heartbeat lives."""
    KILL_RELAY = "kill_relay"
    """The whole web server, with its relays."""
    KILL_WEB = "kill_web"
    """One process of the web server."""
    TERMINATE = "terminate"
    KILL_BACKEND = "kill_backend"
    RESTART_DATABASE = "restart_database"
    RESTART_BROKER = "restart_broker"
    LOSE_BROKER = "lose_broker"
    """Killed, and started again without its data."""
    FLUSH_BROKER = "flush_broker"
    BLACK_HOLE = "black_hole"
    ZOMBIE = "zombie"
    DUPLICATE = "duplicate"
    REORDER = "reorder"
    WEBHOOKS = "webhooks"


KILLS: dict[FaultKind, int] = {
    FaultKind.KILL_CHILD: 35,
    FaultKind.KILL_GROUP: 15,
    FaultKind.KILL_SWEEPER: 6,
    FaultKind.KILL_RELAY: 8,
    FaultKind.KILL_WEB: 6,
}
"""Weights of the kills that are asked for."""

OF_A_WORKER = frozenset({FaultKind.KILL_CHILD, FaultKind.KILL_GROUP, FaultKind.KILL_SWEEPER})

OTHERS: dict[FaultKind, int] = {
    FaultKind.TERMINATE: 8,
    FaultKind.KILL_BACKEND: 2,
    FaultKind.RESTART_DATABASE: 5,
    FaultKind.RESTART_BROKER: 3,
    FaultKind.LOSE_BROKER: 2,
    FaultKind.FLUSH_BROKER: 3,
    FaultKind.BLACK_HOLE: 4,
    FaultKind.ZOMBIE: 4,
    FaultKind.DUPLICATE: 3,
    FaultKind.REORDER: 3,
    FaultKind.WEBHOOKS: 3,
}
"""What comes on top, for as many kills as all their weights together."""

ENOUGH_FOR_EACH = 15
"""Kills from which on there is at least one of each of the others."""

SLOT_SECONDS: dict[FaultKind, float] = {
    **dict.fromkeys(KILLS, 4.0),
    FaultKind.TERMINATE: 2.0,
    FaultKind.KILL_BACKEND: 8.0,
    FaultKind.RESTART_DATABASE: 11.0,
    FaultKind.RESTART_BROKER: 8.0,
    FaultKind.LOSE_BROKER: 8.0,
    FaultKind.FLUSH_BROKER: 6.0,
    FaultKind.BLACK_HOLE: 6.0,
    FaultKind.ZOMBIE: 3.0,
    FaultKind.DUPLICATE: 5.0,
    FaultKind.REORDER: 4.0,
    FaultKind.WEBHOOKS: 2.0,
}
"""From one fault to the next. A black hole and a zombie last longer: what follows happens meanwhile."""

MOST_PER_SECOND = 1.6
"""Orders: about a half of what two cores carry, so that there is room to catch up."""
LEAD_IN = 5.0
LEAD_OUT = 4.0
"""Seconds of load without a fault, before the first and after the last."""


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """One fault."""

    number: int
    at: float
    kind: FaultKind
    pick: float
    """From 0 to 1: which of those that could be hit."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that is to happen."""

    seed: int
    orders: tuple[PlannedOrder, ...]
    faults: tuple[PlannedFault, ...]
    seconds: float
    """Length of the load."""

    @property
    def kills(self) -> int:
        """How many processes of ours are to be killed."""
        return sum(fault.kind in KILLS for fault in self.faults)


def make_plan(
    *, seed: int, sagas: int, kills: int, shelf: Shelf, cannot: Collection[FaultKind] = (), minutes: float = 0
) -> Plan:
    """Plan a run. Equal arguments give an equal plan.

    Args:
        seed: any integer.
        sagas: how many orders.
        kills: how many kills; with none there are no faults at all.
        shelf: the products.
        cannot: faults this system cannot be given, e.g. the restart of a server that is not ours.
        minutes: length of the load; 0 chooses it by the number of orders and faults.
    """
    random = Random(seed)
    kinds = [kind for kind, number in apportion(kills, KILLS).items() for _ in range(number)]
    kinds += [kind for kind, number in _others(kills, cannot).items() for _ in range(number)]
    random.shuffle(kinds)
    struck = sum(SLOT_SECONDS[kind] for kind in kinds)
    seconds = minutes * 60 or max(LEAD_IN + struck + LEAD_OUT, sagas / MOST_PER_SECOND)
    stretch = (seconds - LEAD_IN - LEAD_OUT) / struck if struck else 1.0
    faults, at = [], LEAD_IN
    for number, kind in enumerate(kinds):
        faults.append(PlannedFault(number, round(at, 2), kind, random.random()))
        at += SLOT_SECONDS[kind] * stretch
    stories = [story for story, number in apportion(sagas, SHARES).items() for _ in range(number)]
    random.shuffle(stories)
    return Plan(
        seed, plan_orders(random, str(seed), stories, seconds, shelf), tuple(faults), round(seconds, 2)
    )


def _others(kills: int, cannot: Collection[FaultKind]) -> dict[FaultKind, int]:
    weights = {kind: weight for kind, weight in OTHERS.items() if kind not in cannot}
    shares = apportion(round(kills * sum(weights.values()) / sum(KILLS.values())), weights)
    least = int(kills >= ENOUGH_FOR_EACH)
    return {kind: max(least, number) for kind, number in shares.items()}
