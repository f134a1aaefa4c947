"""Killing processes with SIGKILL: of the workers those that hold a claim, of the web server those with unsent messages."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

import psutil

from orchestration.models import OutboxMessage
from tests.chaos.plan import FaultKind
from tests.chaos.stage import Stage
from tests.chaos.strikes import NoEvidence, Strike, wait_until
from tests.chaos.victims import Victim, Victims, is_gone, is_in_transaction, kill

LOOKED_FOR = 8.0
"""Seconds to find a worker at work. After them any is killed, and the strike says that it held nothing."""
DEAD_WITHIN = 10.0
BACK_WITHIN = 60.0
WEB_LOOKED_FOR = 4.0
DISTURBED_SECONDS = 3.0
"""After a process of the web server was killed: requests that it had are lost, and it is started again."""


class Killing:
    """Carries out the kills."""

    def __init__(self, stage: Stage, victims: Victims) -> None:
        self._stage, self._victims = stage, victims

    def of_a_worker(self, strike: Strike) -> None:
        """Kill one pool process, a worker's main process, or everything of a worker."""
        kind, keeper = strike.fault.kind, self._stage.keeper
        victim = self._victims.catch(lambda victim: self._may_be_hit(victim, kind), seconds=LOOKED_FOR)
        if victim is None:
            victim = self._anybody(strike)
        whole = kind is not FaultKind.KILL_CHILD
        pids = keeper.pids()
        main = psutil.Process(pids[victim.worker])
        strike.held, strike.struck = victim.held, time.time()
        if kind is FaultKind.KILL_CHILD:
            kill(victim.process)
        else:
            kill(main, group=kind is FaultKind.KILL_GROUP)
            kill(victim.process)  # it is frozen, and would never know that its parent is gone
        dead = main if whole else victim.process
        self._wait(lambda: is_gone(dead), f"process {dead.pid} is dead")
        if whole:
            self._wait(lambda: dead.pid in keeper.ended, f"{victim.worker} is buried")
            if keeper.ended[dead.pid] != -signal.SIGKILL:
                raise NoEvidence(f"{victim.worker} ended with {keeper.ended[dead.pid]}")
        doing = ", ".join(f"{held.step} of {held.reference}" for held in victim.held) or "nothing"
        strike.evidence = f"{victim.worker}: process {dead.pid} is dead; it was doing {doing}"

    def of_the_web(self, strike: Strike) -> None:
        """Kill one process of the web server, which is to start it again; or all of it, messages still unsent."""
        keeper = self._stage.keeper
        web = psutil.Process(keeper.pids()["web"])
        if strike.fault.kind is FaultKind.KILL_WEB:
            victim, doing = self._freeze_serving(web, strike.fault.pick)
        else:
            victim, doing = web, f"{self._freeze_with_unsent(web)} messages were unsent"
        strike.struck = time.time()
        kill(victim, group=victim is web)
        self._wait(lambda: is_gone(victim), f"process {victim.pid} is dead")
        if victim is web:
            self._wait(lambda: web.pid in keeper.ended, "the web server is buried")
        self._wait(lambda: keeper.is_ready("web"), "the site answers again", seconds=BACK_WITHIN)
        strike.outage = (strike.struck - 1, max(time.time(), strike.struck + DISTURBED_SECONDS))
        strike.evidence = f"web: process {victim.pid} is dead; {doing}"

    def _freeze_serving(self, web: psutil.Process, pick: float) -> tuple[psutil.Process, str]:
        """Leave a process of the web server frozen in the middle of a transaction; any, if none is found in one."""
        deadline = time.monotonic() + WEB_LOOKED_FOR
        while True:
            children = [("web", child) for child in web.children() if not is_gone(child)]
            if not children:
                raise NoEvidence("the web server has no process")
            with self._victims.lock, self._victims.frozen(children):
                busy = [child for _, child in children if is_in_transaction(child)]
                if busy or time.monotonic() > deadline:
                    victim = busy[0] if busy else children[int(pick * len(children))][1]
                    children.remove(("web", victim))
                    return victim, "it was in the middle of a transaction" if busy else "it was idle"
            time.sleep(0.02)

    def _freeze_with_unsent(self, web: psutil.Process) -> int:
        """Leave the web server frozen at a moment at which its relays had something to send, if there is one."""
        deadline = time.monotonic() + WEB_LOOKED_FOR
        while True:
            children = [("web", child) for child in web.children()]
            with self._victims.lock, self._victims.frozen(children):
                unsent = OutboxMessage.objects.filter(sent_at=None).count()
                if unsent or time.monotonic() > deadline:
                    children.clear()
                    return unsent
            time.sleep(0.02)

    def _may_be_hit(self, victim: Victim, kind: FaultKind) -> bool:
        """A worker with a process that is to stay frozen is not killed as a whole."""
        return kind is FaultKind.KILL_CHILD or not self._is_reserved(victim.worker)

    def _is_reserved(self, worker: str) -> bool:
        main = psutil.Process(self._stage.keeper.pids()[worker])
        return any(child.pid in self._victims.reserved for child in main.children())

    def _anybody(self, strike: Strike) -> Victim:
        found: list[Victim] = []

        def is_there() -> bool:
            found[:] = [
                victim
                for name, child in self._victims.children()
                if self._may_be_hit(victim := Victim(name, child, ()), strike.fault.kind)
            ]
            return bool(found)

        self._wait(is_there, "a worker has processes", seconds=BACK_WITHIN)
        return found[int(strike.fault.pick * len(found))]

    def _wait(self, condition: Callable[[], bool], what: str, *, seconds: float = DEAD_WITHIN) -> None:
        wait_until(condition, what, seconds=seconds, stopping=self._victims.stopping)
