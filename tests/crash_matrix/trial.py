"""One order that is led to one crash: what the stories and the checks share about it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from orchestration.core.planning.states import TERMINAL, SagaState
from orchestration.models import Saga
from tests.crash_matrix.arming import Charge
from tests.crash_matrix.world import World

PATIENCE = 60.0
"""Seconds for one thing to happen in the world. Recovery is promised within them, after leases a tenth of the usual."""


class Failed(Exception):
    """A promise of the cell was not kept; the text says which."""


class NotReached(Exception):
    """The order ended, and nobody had been at the cell's point: another process was faster. Nothing is proved."""


class Stopped(Exception):
    """The run is being ended from outside."""


@dataclass(slots=True)
class Trial:
    """One attempt at one cell."""

    world: World
    charge: Charge
    sku: str
    """A product nobody else orders."""
    stopping: threading.Event
    saga: Saga = field(init=False)
    """As it was when it was last looked at."""
    answers: list[tuple[int, str]] = field(default_factory=list)
    """What the site or a command answered, attempt by attempt: a status and a text."""
    must_be: SagaState = SagaState.COMPLETED
    """How the story ends."""
    is_over: Callable[[Saga], bool] = lambda saga: SagaState(saga.state) in TERMINAL
    command_status: int | None = None
    """Exit status of the armed command, where the story has one."""
    errands: list[threading.Thread] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)

    @property
    def reference(self) -> str:
        """The order's number."""
        return f"CM-{self.charge.token}"

    def look(self) -> Saga | None:
        """The saga as it is now; None while there is none."""
        found = Saga.objects.filter(reference=self.reference).first()
        if found is not None:
            self.saga = found
        return found

    def has_ended(self) -> bool:
        """Whether the saga is where the story ends."""
        return (found := self.look()) is not None and self.is_over(found)

    def wait_until(self, condition: Callable[[], bool], what: str, *, seconds: float = PATIENCE) -> None:
        """Wait for something to happen in the world.

        Raises:
            Failed: it did not happen in time.
        """
        deadline = time.monotonic() + seconds
        while not condition():
            self.pause(0.05)
            if self.errors:
                raise self.errors[0]
            if time.monotonic() > deadline:
                raise Failed(f"not within {seconds:g} s: {what}")

    def pause(self, seconds: float) -> None:
        """Let time pass, unless the run is being ended."""
        if self.stopping.wait(seconds):
            raise Stopped

    def in_background(self, act: Callable[[], None]) -> None:
        """Do something beside the checks, because it may last as long as the armed process is frozen."""

        def run() -> None:
            from django.db import connection

            try:
                act()
            except Exception as error:  # handed to whoever waits for the trial
                self.errors.append(error)
            finally:
                connection.close()

        thread = threading.Thread(target=run, name=f"errand {self.charge.token}", daemon=True)
        self.errands.append(thread)
        thread.start()

    def join(self) -> None:
        """Wait for what was done in the background."""
        self.wait_until(
            lambda: not any(thread.is_alive() for thread in self.errands), "its client got a definite answer"
        )
