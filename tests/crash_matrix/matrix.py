"""Going through the cells: several at once where one crash cannot disturb another, each with an order of its own.

Whole workers die and freeze in rounds of their own, because a frozen process that is killed with its worker proves
nothing. The web server's cells run beside everything else, one after the other.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import count

from django.db import connection

from tests.crash_matrix.aftermath import prove
from tests.crash_matrix.arming import Charge, Evidence
from tests.crash_matrix.judging import Verdict, judge
from tests.crash_matrix.stories import STORIES
from tests.crash_matrix.table import Cell
from tests.crash_matrix.trial import PATIENCE, Failed, NotReached, Stopped, Trial
from tests.crash_matrix.world import World

TRIES = 5
"""How often an order may slip past the point, because another process was faster. Each try is a new order."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one cell went."""

    cell: Cell
    verdict: Verdict | None
    reason: str = ""
    """Of a failure."""
    tries: int = 1

    @property
    def passed(self) -> bool:
        """Whether every promise held."""
        return self.verdict is not None


@dataclass(frozen=True, slots=True)
class Round:
    """Cells that go together, and how many at once."""

    cells: list[Cell]
    at_once: int


def rounds(cells: list[Cell]) -> tuple[list[Round], Round]:
    """The rounds of workers' cells, one after the other; and the web server's, beside them."""
    web = [cell for cell in cells if cell.site.process == "web"]
    rest = [cell for cell in cells if cell.site.process != "web"]
    deadly = [cell for cell in rest if cell.ends_a_worker]
    frozen = [cell for cell in rest if cell.freezes_a_worker]
    mild = [cell for cell in rest if not cell.ends_a_worker and not cell.freezes_a_worker]
    return [Round(mild, 6), Round(frozen, 1), Round(deadly, 2)], Round(web, 1)


class Matrix:
    """One run through the cells of a world."""

    def __init__(self, world: World, told: Callable[[Outcome], None]) -> None:
        self._world = world
        self._told = told
        self._numbers = count()
        self._stopping = threading.Event()
        self.outcomes: list[Outcome] = []

    def run(self, cells: list[Cell]) -> list[Outcome]:
        """Go through the cells; the calling thread tends the world meanwhile."""
        of_workers, of_web = rounds(cells)
        with ThreadPoolExecutor(1) as beside, ThreadPoolExecutor(8) as pool:
            try:
                aside = {beside.submit(self._try, cell) for cell in of_web.cells}
                for each in of_workers:
                    self._go_through(each, pool, aside)
                self._tend_until(lambda: not aside, aside)
            except BaseException:
                self._stopping.set()
                beside.shutdown(cancel_futures=True, wait=False)
                raise
        return self.outcomes

    def _go_through(self, each: Round, pool: ThreadPoolExecutor, aside: set[Future[Outcome]]) -> None:
        left: Iterator[Cell] = iter(each.cells)
        running: set[Future[Outcome]] = set()

        def is_through() -> bool:
            while len(running) < each.at_once and (cell := next(left, None)) is not None:
                running.add(pool.submit(self._try, cell))
            return not running

        self._tend_until(is_through, running, aside)

    def _tend_until(self, is_through: Callable[[], bool], *flying: set[Future[Outcome]]) -> None:
        while not is_through():
            together = set().union(*flying)
            done, _ = wait(together, timeout=0.05, return_when=FIRST_COMPLETED)
            for futures in flying:
                futures -= done
            for future in done:
                self.outcomes.append(future.result())
                self._told(self.outcomes[-1])
            self._world.keeper.tend()

    def _try(self, cell: Cell) -> Outcome:
        try:
            for tries in range(1, TRIES + 1):
                try:
                    return Outcome(cell, self._attempt(cell), tries=tries)
                except NotReached as missed:
                    reason = str(missed)
                except Failed as failed:
                    return Outcome(cell, None, str(failed), tries)
            return Outcome(cell, None, reason, TRIES)
        except Stopped:
            return Outcome(cell, None, "the run was ended")
        except Exception as error:  # a broken cell must not look like one that passed, nor end the others
            return Outcome(cell, None, f"{type(error).__name__}: {error}")
        finally:
            connection.close()

    def _attempt(self, cell: Cell) -> Verdict:
        number = next(self._numbers)
        trial = Trial(
            self._world, Charge(self._world.charges, cell, number), self._world.skus[number], self._stopping
        )
        STORIES[cell.site.story](trial)
        evidence = self._await_evidence(trial)
        proof = prove(trial, evidence)
        trial.wait_until(trial.has_ended, "the order has ended")
        seconds = time.time() - evidence.at
        trial.join()
        judge(trial, evidence)
        return Verdict(trial.saga.state, round(seconds, 1), proof)

    def _await_evidence(self, trial: Trial) -> Evidence:
        deadline = time.monotonic() + PATIENCE
        while (evidence := trial.charge.evidence()) is None:
            if trial.errors:
                raise trial.errors[0]
            if trial.has_ended() and trial.charge.evidence() is None:
                raise NotReached(f"the order ended, and nobody had been at {trial.charge.cell.point}")
            if time.monotonic() > deadline:
                raise Failed(f"nobody reached {trial.charge.cell.point} within {PATIENCE:g} s")
            trial.pause(0.05)
        return evidence
