"""One run: a round for counting, then rounds for measuring."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from config.system.boot.progress import say
from tests.bench.counting import read_published
from tests.bench.figures import Counted, Taken
from tests.bench.proxy import Tally
from tests.bench.round import measure, warm_up
from tests.bench.sides import ALL
from tests.bench.turn import World, bytes_received, turn

MOST_COUNTED = 50
SETTLE_SECONDS = 0.5
"""For what a worker still does after the last saga has ended: acknowledging, storing results."""
MOST_STATEMENTS = 40
BUSY = 0.3
"""Load of each core before the run, from which on a person is warned."""


@dataclass(slots=True)
class Run:
    """What is to be measured, and what was."""

    world: World
    sides: Sequence[str]
    shapes: Sequence[str]
    rounds: int
    sagas: int
    taken: dict[str, dict[str, Taken]] = field(init=False)
    """By shape and side."""

    def __post_init__(self) -> None:
        self.taken = {shape: {side: Taken() for side in self.sides} for shape in self.shapes}

    def go(self) -> None:
        """Do it all."""
        if os.getloadavg()[0] > BUSY * (os.cpu_count() or 1):
            say("this machine is busy with something else: figures will be low, and ratios unsteady")
        for side in self.sides:
            self._count(side)
        for number in range(self.rounds):
            # Another one first each time: whoever comes first may find the machine in another mood.
            first = number % len(self.sides)
            order = [*self.sides[first:], *self.sides[:first]]
            for shape, side, taken in measure(self.world, order, self.shapes, self.sagas):
                self.taken[shape][side].rounds.append(taken)
                say(
                    f"round {number + 1} of {self.rounds}, {side}, {shape}: {taken.sagas_per_second:.1f} sagas/s"
                )

    def _count(self, side: str) -> None:
        file = self.world.folder.run / f"{side}.published"
        tallies: list[Tally] = []
        with turn(self.world, ALL[side], count_into=file, tally=tallies) as at_work:
            warm_up(at_work, self.shapes)
            for shape in self.shapes:
                time.sleep(SETTLE_SECONDS)  # nothing tells when a worker has acknowledged its last message
                tallies[0].reset()
                published, received = read_published(file), bytes_received(self.world.watched_broker)
                sagas = min(self.sagas, MOST_COUNTED)
                at_work.batch(shape, sagas)
                time.sleep(SETTLE_SECONDS)  # as above
                now, then = read_published(file), published
                end = bytes_received(self.world.watched_broker)
                self.taken[shape][side].counted = Counted(
                    queries=tallies[0].queries / sagas,
                    commits=tallies[0].commits / sagas,
                    connections=tallies[0].connections / sagas,
                    messages=(now.messages - then.messages) / sagas,
                    published_bytes=(now.bytes - then.bytes) / sagas,
                    events=(now.events - then.events) / sagas,
                    event_bytes=(now.event_bytes - then.event_bytes) / sagas,
                    broker_bytes=(end - received) / sagas
                    if end is not None and received is not None
                    else None,
                    statements={
                        text: number / sagas
                        for text, number in tallies[0].statements.most_common(MOST_STATEMENTS)
                    },
                )
                told = self.taken[shape][side].counted
                assert told is not None
                say(
                    f"counted, {side}, {shape}: {told.queries:.1f} queries, {told.commits:.1f} commits, "
                    f"{told.messages:.1f} messages, {told.published_bytes:.0f} bytes per saga"
                )
