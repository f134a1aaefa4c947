"""One run from the first order to the verdict: load with faults, heal, come to rest, load without faults, judge."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from django.db import Error as DatabaseError
from django.db import connection

from config.system.boot.progress import say
from orchestration.models import Saga
from orchestration.verification import run_invariants
from shipping.models import Reservation, ReservationState
from shipping.restocking import restock_products
from tests.chaos import findings, judge
from tests.chaos.clock import PlanClock
from tests.chaos.driver import Driver
from tests.chaos.journal import Journal, inputs, read_journal
from tests.chaos.nemesis import Nemesis
from tests.chaos.orders import PlannedOrder, orders_after
from tests.chaos.plan import FaultKind, Plan
from tests.chaos.report import Report
from tests.chaos.stage import READY_WITHIN, Stage
from tests.chaos.strikes import Strike
from tests.chaos.watch import TRANSITIONS, Watch

QUIET_WITHIN = 180.0
"""Seconds after the healing in which every saga comes to its end, or to where it waits for stock."""
QUIET_EACH = 1.0
"""Seconds more for each saga that is open by then: a slow machine has a longer backlog to work off."""
FAULTS_WITHIN = 3.0
"""The load lasts at most so many times as long as planned, and the plan waits for faults that take long."""
ORDERS_AFTER = 20
SECONDS_AFTER = 5.0
TOLD_EVERY = 10.0


@dataclass(slots=True)
class Run:
    """One run on a stage that has been started."""

    stage: Stage
    plan: Plan
    nemesis: Nemesis = field(init=False)
    driver: Driver = field(init=False)
    watch: Watch = field(init=False)
    journal: Journal = field(init=False)
    after: tuple[PlannedOrder, ...] = ()
    stuck: int = 0
    _told: float = 0.0

    def __post_init__(self) -> None:
        self.nemesis = Nemesis(self.stage, _tell_strike)
        self.journal = Journal(self.stage.folder.root / "journal.jsonl")
        self.driver = Driver(self.stage.web_url, self.journal)
        self.watch = Watch(lambda text: say(f"VIOLATION: {text}"))
        self.after = orders_after(
            seed=self.plan.seed, number=ORDERS_AFTER, seconds=SECONDS_AFTER, shelf=self.stage.shelf
        )

    def go(self) -> Report:
        """Go through all phases and return the verdict."""
        began = time.monotonic()
        try:
            self.watch.start()
            self._load_with_faults()
            self._heal()
            self._come_to_rest()
            self._load_without_faults()
        finally:
            self.nemesis.stop()
            self.driver.stop()
            self.watch.stop()
            self.journal.close()
        return self._judge(began)

    def _load_with_faults(self) -> None:
        plan = self.plan
        say(f"load: {len(plan.orders)} orders and {len(plan.faults)} faults in {plan.seconds:.0f} s")
        clock = PlanClock()
        load = threading.Thread(target=self.driver.send, args=(plan.orders, clock), name="load", daemon=True)
        storm = threading.Thread(
            target=self.nemesis.strike, args=(plan.faults, clock), name="storm", daemon=True
        )
        load.start()
        storm.start()
        latest = time.monotonic() + FAULTS_WITHIN * plan.seconds
        self._tend_while(lambda: (load.is_alive() or storm.is_alive()) and time.monotonic() < latest)
        self.nemesis.stop()
        self._tend_while(lambda: load.is_alive() or storm.is_alive())

    def _heal(self) -> None:
        say("heal: everybody is woken, and what is missing is started")
        self.stage.resume_everybody()
        deadline = time.monotonic() + READY_WITHIN
        ready = self.stage.keeper.is_ready
        self._tend_while(lambda: not ready("web") and time.monotonic() < deadline)

    def _come_to_rest(self) -> None:
        say("rest: every saga ends, or waits for stock; then there is a delivery")
        self._rests(lambda: _open_sagas() - _waiting_for_stock())
        restock_products(units={}, to_fill=True)
        self._rests(_open_sagas)

    def _load_without_faults(self) -> None:
        say(f"after: {len(self.after)} more orders, without faults")
        load = threading.Thread(
            target=self.driver.send, args=(self.after, PlanClock()), name="load", daemon=True
        )
        load.start()
        self._tend_while(load.is_alive)
        self._rests(_open_sagas)
        self.stuck = _open_sagas()

    def _rests(self, still_open: Callable[[], int]) -> None:
        deadline = time.monotonic() + QUIET_WITHIN + QUIET_EACH * _open_sagas()

        def goes_on() -> bool:
            return time.monotonic() < deadline and bool(self.driver.unanswered() or still_open())

        self._tend_while(goes_on)

    def _tend_while(self, goes_on: Callable[[], bool]) -> None:
        while goes_on():
            self.stage.tend(0.2)
            if time.monotonic() - self._told > TOLD_EVERY:
                self._told = time.monotonic()
                say(self._progress())

    def _progress(self) -> str:
        try:
            there = f"{_open_sagas()} sagas open"
        except DatabaseError:
            connection.close()
            there = "the database is away"
        struck = len(self.nemesis.strikes)
        return (
            f"{self.journal.accepted()} orders accepted, {self.driver.unanswered()} customers at it, {there}; "
            f"{struck} of {len(self.plan.faults)} faults, {self.nemesis.kills()} of {self.plan.kills} kills"
        )

    def _judge(self, began: float) -> Report:
        say("judge: journal, ledgers, histories and every check of `verify`")
        strikes, plan = self.nemesis.strikes, self.plan
        entries = read_journal(self.stage.folder.root / "journal.jsonl")
        given, found = inputs(entries), findings.find_orders(self.stage.folder)
        account = judge.account(given, found)
        endings, given_up = judge.judge_endings([*plan.orders, *self.after], given, found, strikes)
        recovery, silent = findings.find_recoveries(strikes)
        checked = [f"{check.name}: {text}" for check in run_invariants() for text in check.violations]
        seen = list(dict.fromkeys([*self.watch.violations, *checked]))
        share = judge.accepted_share(entries, strikes)
        figures = {
            "accepted_share": round(share, 4),
            "duplicates_seen": findings.duplicates_seen(self.stage.folder.run.glob("worker*.log")),
            "stale_results_refused": findings.stale_results_refused(),
            "worker_kills_that_hit_a_claim": sum(bool(strike.held) for strike in strikes),
            "looks": self.watch.looks,
            "seconds": round(time.monotonic() - began),
        }
        vacuous = judge.judge_faults(plan.faults, strikes)
        vacuous += judge.judge_figures(figures, {fault.kind for fault in plan.faults})
        return Report(
            seed=plan.seed, sagas=len(plan.orders), kills=self.nemesis.kills(), account=account,
            illegal=sum(text.startswith(TRANSITIONS) for text in seen), stuck=self.stuck, given_up=given_up,
            recovery=recovery, vacuous=vacuous, strikes=strikes, figures=figures,
            violations=[
                *account.violations, *endings, *silent, *judge.judge_recovery([each.seconds for each in recovery]), *seen,
                *(f"a customer failed: {error!r}" for error in self.driver.errors()),
            ],
        )  # fmt: skip


def _open_sagas() -> int:
    return Saga.objects.filter(ended_at=None).exclude(state="undo_failed").count()


def _waiting_for_stock() -> int:
    backordered = Reservation.objects.filter(state=ReservationState.BACKORDERED).values_list(
        "order_id", flat=True
    )
    keys = [str(order_id) for order_id in backordered]
    return Saga.objects.filter(ended_at=None, state="waiting", business_key__in=keys).count()


def _tell_strike(strike: Strike) -> None:
    say(f"{strike.fault.kind}: {strike.evidence or 'NO EVIDENCE: ' + strike.missing}")


def impossible(broker_is_ours: bool, database_is_ours: bool) -> Collection[FaultKind]:
    """Faults that a system with servers of somebody else's is not given."""
    of_broker = {FaultKind.RESTART_BROKER, FaultKind.LOSE_BROKER}
    of_database = {FaultKind.RESTART_DATABASE, FaultKind.KILL_BACKEND}
    return (set() if broker_is_ours else of_broker) | (set() if database_is_ours else of_database)
