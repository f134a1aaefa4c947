"""Processes of the model test: each runs in a thread with a connection of its own, and dies or freezes where it is told."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from orchestration.core.planning.context import StepContext
from orchestration.engine.messages.transport import use_transport
from orchestration.testing.transport import HandTransport
from tests.durability.provider import KEYS_KEPT

IN_TIME = 45.0
"""Lease and timeout of an external step: a worker frozen for longer is thought dead."""
PATIENCE = 20.0
"""Seconds after which a process of a test hangs: nothing here waits for a clock."""


class Death(BaseException):
    """SIGKILL, as a thread can know it: nothing catches it, transactions roll back."""


@dataclass
class Fate:
    """What becomes of a process at a point: it dies there, or freezes there and may be woken."""

    ends: str
    """`die` or `freeze`."""
    point: str
    """A crash point, or one of the provider's: `before effect`, `looked up`."""
    step: str = ""
    """Only at this step; any by default."""
    then: str = ""
    """Having woken, it freezes again at this point."""
    met: bool = False
    met_at: str = ""
    """The step at which it was met."""
    met_again: bool = False
    dies: bool = False
    """It never wakes."""
    frozen: threading.Event = field(default_factory=threading.Event)
    go: threading.Event = field(default_factory=threading.Event)


@dataclass
class Frozen:
    """A process that stands still."""

    thread: threading.Thread
    fate: Fate
    failed: list[BaseException]
    since: float
    """By the world's clock, in seconds."""
    step: str


class Processes:
    """Starts processes one after the other; a frozen one lets the next begin. `reach` must be listening."""

    def __init__(self, transport: HandTransport) -> None:
        self.transport = transport
        self.frozen: list[Frozen] = []
        self.clock = 0.0
        self.tardy: set[str] = set()
        """Steps whose worker was woken later than lease and timeout: what it does then nobody can foresee."""
        self.arrived: Callable[[str, StepContext], None] = lambda point, context: None
        """Told of every arrival inside a participant, before it freezes there."""
        self._local = threading.local()

    def run(self, what: Callable[[], Any], fate: Fate | None = None) -> bool:
        """Run something as a process. Returns False when it is frozen; raises what it raised.

        Raises:
            Death: it died where it was told to.
        """
        if fate is None:
            with use_transport(self.transport):
                what()
            return True
        if fate.ends == "die":
            self._local.fate = fate
            try:
                with use_transport(self.transport):
                    what()
            finally:
                self._local.fate = None
            return True
        return self._freezing(what, fate)

    def _freezing(self, what: Callable[[], Any], fate: Fate) -> bool:
        failed: list[BaseException] = []
        fate.frozen.clear()

        def live() -> None:
            self._local.fate = fate
            try:
                with use_transport(self.transport):
                    what()
            except BaseException as error:
                failed.append(error)
            finally:
                connection.close()
                fate.frozen.set()

        thread = threading.Thread(target=live, name=f"process to freeze at {fate.point}", daemon=True)
        thread.start()
        if not fate.frozen.wait(PATIENCE):
            raise AssertionError(f"a process hangs on its way to {fate.point}")
        if fate.met:
            self.frozen.append(Frozen(thread, fate, failed, self.clock, fate.met_at))
            return False
        self._join(thread, failed)
        return True

    def wake(self, index: int) -> None:
        """Let a frozen process go on, to its end or to where it freezes again; raises what it raised."""
        process = self.frozen.pop(index % len(self.frozen))
        fate = process.fate
        if self.clock - process.since > IN_TIME:
            self.tardy.add(process.step)
        fate.frozen.clear()
        fate.go.set()
        if fate.then and not fate.dies and fate.frozen.wait(PATIENCE) and fate.met_again:
            fate.then, fate.met_again = "", False
            self.frozen.append(process)
            return
        self._join(process.thread, process.failed)

    def pass_time(self, seconds: float) -> None:
        """Let time pass; whoever is frozen for longer than a provider remembers keys never wakes."""
        self.clock += seconds
        for process in [each for each in self.frozen if self.clock - each.since > KEYS_KEPT]:
            process.fate.dies = True
            with contextlib.suppress(Death):
                self.wake(self.frozen.index(process))

    def reach(self, point: str, direction: str, step: str) -> None:
        """A process has come to a point."""
        fate: Fate | None = getattr(self._local, "fate", None)
        if fate is None:
            return
        if fate.met and fate.then == point:
            fate.met_again = True
            self._stand_still(fate, point)
        if fate.met or fate.point != point or (fate.step and fate.step != step):
            return
        fate.met, fate.met_at = True, step
        if fate.ends == "die":
            raise Death
        self._stand_still(fate, point)

    def _stand_still(self, fate: Fate, point: str) -> None:
        fate.go.clear()
        fate.frozen.set()
        if not fate.go.wait(PATIENCE * 6):
            raise AssertionError(f"nobody woke the process at {point}")
        if fate.dies:
            raise Death

    def reach_in_provider(self, point: str, context: StepContext) -> None:
        """A process has come to a point inside a participant."""
        self.arrived(point, context)
        self.reach(point, context.direction, context.step)

    def _join(self, thread: threading.Thread, failed: list[BaseException]) -> None:
        thread.join(PATIENCE)
        if thread.is_alive():
            raise AssertionError(f"{thread.name} hangs: it waits for a lock that nobody gives up")
        if failed:
            raise failed[0]
