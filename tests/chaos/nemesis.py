"""The nemesis: strikes at the plan's times, each strike with its proof, and writes all of it down."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from itertools import pairwise

from django.db import Error as DatabaseError
from django.db import connection

from tests.chaos.clock import LEEWAY, PlanClock
from tests.chaos.disturbing import Disturbing
from tests.chaos.killing import Killing
from tests.chaos.plan import KILLS, OF_A_WORKER, FaultKind, PlannedFault
from tests.chaos.queues import queues_of
from tests.chaos.servers import Servers
from tests.chaos.stage import Stage
from tests.chaos.strikes import Ended, NoEvidence, Strike
from tests.chaos.victims import Victims

BESIDE = frozenset({FaultKind.ZOMBIE, FaultKind.BLACK_HOLE, FaultKind.DUPLICATE, FaultKind.WEBHOOKS})
"""These last longer than their slots, and the next faults strike meanwhile. One of each kind at a time."""
TRIES = 5
"""A strike that another fault got in the way of (a database just gone, a zombie's connection cut) is tried again."""


class Nemesis:
    """Runs in a thread of its own; the main thread starts again what it has ended."""

    def __init__(self, stage: Stage, tell: Callable[[Strike], None]) -> None:
        self._stopping = threading.Event()
        self._tell = tell
        self._log = (stage.folder.root / "nemesis.jsonl").open("a")
        self._writing = threading.Lock()
        self.strikes: list[Strike] = []
        victims = Victims(stage.keeper, self._stopping)
        queues = queues_of(stage.broker)
        killing = Killing(stage, victims)
        servers = Servers(stage, victims, queues, self._stopping)
        disturbing = Disturbing(stage, victims, queues, servers, self._stopping)
        self._acts: dict[FaultKind, Callable[[Strike], None]] = {
            **dict.fromkeys(OF_A_WORKER, killing.of_a_worker),
            FaultKind.KILL_WEB: killing.of_the_web,
            FaultKind.KILL_RELAY: killing.of_the_web,
            FaultKind.TERMINATE: servers.terminate,
            FaultKind.KILL_BACKEND: servers.kill_backend,
            FaultKind.RESTART_DATABASE: servers.restart_database,
            FaultKind.RESTART_BROKER: servers.restart_broker,
            FaultKind.LOSE_BROKER: servers.restart_broker,
            FaultKind.FLUSH_BROKER: servers.flush_broker,
            FaultKind.BLACK_HOLE: disturbing.black_hole,
            FaultKind.ZOMBIE: disturbing.zombie,
            FaultKind.DUPLICATE: disturbing.duplicate,
            FaultKind.REORDER: disturbing.reorder,
            FaultKind.WEBHOOKS: disturbing.webhooks,
        }
        self._one_at_a_time = {kind: threading.Lock() for kind in BESIDE}

    def strike(self, faults: tuple[PlannedFault, ...], clock: PlanClock) -> None:
        """Carry out every fault; returns when the last has ended. The clock waits for those that take long."""
        try:
            with ThreadPoolExecutor(4, thread_name_prefix="nemesis") as beside:
                for fault, following in pairwise([*faults, None]):
                    clock.stand_at(following.at + LEEWAY if following is not None else float("inf"))
                    if fault is None or not clock.wait_until(fault.at, stopping=self._stopping):
                        break
                    if fault.kind in BESIDE:
                        beside.submit(self._carry_out, fault)
                    else:
                        self._carry_out(fault)
        finally:
            clock.stand_at(float("inf"))
            connection.close()

    def stop(self) -> None:
        """Give up what has not happened yet."""
        self._stopping.set()

    def kills(self) -> int:
        """How many processes of ours are dead by our hand, for sure."""
        return sum(strike.fault.kind in KILLS and bool(strike.evidence) for strike in self.strikes)

    def _carry_out(self, fault: PlannedFault) -> None:
        strike = Strike(fault)
        try:
            if (alone := self._one_at_a_time.get(fault.kind)) is None:
                self._try(strike)
            else:
                with alone:
                    strike.began = time.time()
                    self._try(strike)
        except Ended:
            strike.missing = "the run was ended"
        except NoEvidence as none:
            strike.missing = str(none).removeprefix("NoEvidence: ").strip()
        except Exception as error:  # a fault that cannot be carried out is one that has not happened
            strike.missing = f"{type(error).__name__}: {error}"
        finally:
            connection.close()
        strike.ended = time.time()
        with self._writing:
            self.strikes.append(strike)
            self._log.write(json.dumps(asdict(strike), default=str) + "\n")
            self._log.flush()
        self._tell(strike)

    def _try(self, strike: Strike) -> None:
        for left in reversed(range(TRIES)):
            try:
                self._acts[strike.fault.kind](strike)
                return
            except (NoEvidence, DatabaseError, OSError) as error:
                connection.close()
                # What has killed somebody already must not kill a second one.
                if strike.struck or not left or self._stopping.wait(1.0):
                    raise NoEvidence(f"{type(error).__name__}: {error}") from error
