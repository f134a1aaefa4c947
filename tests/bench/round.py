"""One round: the sides do a batch of each shape piece by piece, taking turns, so that they share every mood of the machine.

All of them are there at once and all but one are frozen. Where they would have to share a broker that is not ours, each is there
alone instead, and does its batches in one piece.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.bench.figures import Round
from tests.bench.sides import ALL
from tests.bench.turn import Turn, World, turn

WARM_UP = 8
"""Sagas of each shape before anything is measured: connections, caches, statements."""
PIECE = 100
"""Sagas, about, that one side does before it is another's turn."""
MOST_SINGLES = 50
SETTLE_SECONDS = 0.25
"""For what a worker still does after the last saga has ended (acknowledging, storing results, telling Flower), and for what is
overdue when it has been thawed."""


@dataclass(slots=True)
class _Spent:
    """Over the pieces of a batch."""

    seconds: float
    cpu: dict[str, float | None]


def measure(
    world: World, sides: Sequence[str], shapes: Sequence[str], sagas: int
) -> Iterator[tuple[str, str, Round]]:
    """Yield shape, side and what it did, as soon as it is known.

    Args:
        world: where.
        sides: in the order in which they begin.
        shapes: of the sagas.
        sagas: of each side and shape.
    """
    for together in [sides] if world.side_by_side else [[side] for side in sides]:
        with contextlib.ExitStack() as stack:
            at_work = {}
            for side in together:
                at_work[side] = stack.enter_context(turn(world, ALL[side]))
                warm_up(at_work[side], shapes)
                at_work[side].freeze()
            for shape in shapes:
                spent = _batch(at_work, shape, pieces(sagas) if len(at_work) > 1 else [sagas])
                for side, each in at_work.items():
                    with each.thawed():
                        time.sleep(SETTLE_SECONDS)  # nothing tells when a worker has done what was overdue
                        latencies = each.client.singles(shape, min(MOST_SINGLES, sagas))
                    per_saga = {
                        who: None if used is None else 1000 * used / sagas
                        for who, used in spent[side].cpu.items()
                    }
                    yield shape, side, Round(sagas / spent[side].seconds, latencies, per_saga)


def warm_up(at_work: Turn, shapes: Sequence[str]) -> None:
    """Have a few sagas done that are not measured."""
    for shape in shapes:
        at_work.batch(shape, WARM_UP)


def pieces(sagas: int) -> list[int]:
    """Cut a batch into about equal pieces."""
    many = max(1, round(sagas / PIECE))
    return [sagas // many + (number < sagas % many) for number in range(many)]


def _batch(at_work: Mapping[str, Turn], shape: str, cut: Sequence[int]) -> dict[str, _Spent]:
    spent: dict[str, _Spent] = {}
    sides = list(at_work)
    for number, sagas in enumerate(cut):
        # Another one first each time: nobody always follows the same one.
        first = number % len(sides)
        for side in [*sides[first:], *sides[:first]]:
            with at_work[side].thawed():
                time.sleep(SETTLE_SECONDS)  # nothing tells when a worker has done what was overdue
                before = at_work[side].cpu()
                seconds = at_work[side].batch(shape, sagas)
                after = at_work[side].cpu()
                time.sleep(SETTLE_SECONDS)  # nothing tells when it has acknowledged its last message
            cpu = {who: _less(after[who], before[who]) for who in before}
            so_far = spent.setdefault(side, _Spent(0.0, dict.fromkeys(cpu, 0.0)))
            so_far.seconds += seconds
            so_far.cpu = {
                who: None if used is None or (more := cpu[who]) is None else used + more
                for who, used in so_far.cpu.items()
            }
    return spent


def _less(after: float | None, before: float | None) -> float | None:
    return None if after is None or before is None else after - before
