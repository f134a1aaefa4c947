"""Several processes that each do a share of a batch, for the sides that need no broker. Nothing but the standard library."""

from __future__ import annotations

import multiprocessing
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection

from tests.bench.shapes import PROCESSES

Share = list[tuple[str, str]]
"""Sagas: shape and name."""
Work = Callable[[Share], None]


class Processes:
    """As many as the workers of the other sides have. They end when this process does."""

    def __init__(self, prepare: Callable[[], Work]) -> None:
        """Start them; each calls `prepare` once and then what that has returned for every share."""
        # Spawned: libraries that have threads of their own survive no fork.
        context = multiprocessing.get_context("spawn")
        self._ends: list[Connection] = []
        for _ in range(PROCESSES):
            ours, theirs = context.Pipe()
            context.Process(target=_serve, args=(prepare, theirs), daemon=True).start()
            theirs.close()
            self._ends.append(ours)
            self._hear([ours])  # before the next: the first one may have tables to make

    def do(self, sagas: Share) -> None:
        """Have the sagas done, a share by each process, and wait for the last."""
        shares = [sagas[number::PROCESSES] for number in range(PROCESSES)]
        busy = [(end, share) for end, share in zip(self._ends, shares, strict=True) if share]
        for end, share in busy:
            end.send(share)
        self._hear([end for end, _ in busy])

    def _hear(self, ends: list[Connection]) -> None:
        for end in ends:
            if failed := end.recv():
                raise RuntimeError(failed)


class Batches:
    """A client whose processes do the work themselves."""

    def __init__(self, prepare: Callable[[], Work]) -> None:
        """Start the processes; `prepare` as for Processes."""
        self._processes = Processes(prepare)
        self._waiting: Share = []

    def now(self) -> float:
        """This moment."""
        return time.time()

    def start(self, shape: str, saga: str) -> None:
        """Remember it; what is handed from process to process one by one would be measured too."""
        self._waiting.append((shape, saga))

    def wait(self, name: str, sagas: int) -> float:
        """Have all of it done."""
        waiting, self._waiting = self._waiting, []
        self._processes.do(waiting)
        return time.time()


def _serve(prepare: Callable[[], Work], end: Connection) -> None:
    try:
        work = prepare()
        end.send("")
        while True:
            work(end.recv())
            end.send("")
    except EOFError:
        return
    except BaseException:  # the parent says it
        end.send(traceback.format_exc())
