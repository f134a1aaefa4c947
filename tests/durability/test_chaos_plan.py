"""The plan of a chaos run is a function of its seed, and has its shares to the unit."""

from __future__ import annotations

import threading
import time
from collections import Counter
from typing import Any

from orchestration.verification import discover
from orders.sagas import fulfil_order
from payments.cards import CARDS
from shipping.carrier.services import SERVICES
from tests.chaos import judge
from tests.chaos.clock import PlanClock
from tests.chaos.orders import SHARES, VARIANTS, Shelf, Story, apportion, orders_after
from tests.chaos.plan import KILLS, FaultKind, Plan, make_plan
from tests.chaos.watch import SAFETY, TRANSITIONS

SHELF = Shelf(plenty=("NW-01", "NW-02", "NW-03"), empty="NW-31", discontinued="NW-05")


def planned(*, seed: int = 7, sagas: int = 200, kills: int = 20, **more: Any) -> Plan:
    return make_plan(seed=seed, sagas=sagas, kills=kills, shelf=SHELF, **more)


def test_a_seed_is_a_plan() -> None:
    assert planned() == planned()
    assert planned().orders != planned(seed=8).orders
    assert planned().faults != planned(seed=8).faults


def test_stories_and_kills_have_their_shares_to_the_unit() -> None:
    plan = planned(sagas=2000, kills=200)
    assert sum(SHARES.values()) == 100
    assert Counter(order.story for order in plan.orders) == {story: 20 * n for story, n in SHARES.items()}
    assert plan.kills == 200
    struck = Counter(fault.kind for fault in plan.faults)
    assert [struck[kind] for kind in KILLS] == [100, 43, 17, 23, 17]
    assert apportion(10, {"a": 1, "b": 1, "c": 1}) == {"a": 4, "b": 3, "c": 3}


def test_a_plan_of_twenty_kills_has_every_kind_of_fault_and_story() -> None:
    plan = planned()
    assert {fault.kind for fault in plan.faults} == set(FaultKind)
    assert {order.story for order in plan.orders} == set(Story)
    assert {order.card for order in plan.orders} >= {card for cards in VARIANTS.values() for card, _ in cards}
    assert any(order.repeats for order in plan.orders)
    times = [fault.at for fault in plan.faults]
    assert times == sorted(times)
    assert times[0] >= 5
    assert times[-1] < plan.seconds
    assert all(0 <= order.at <= plan.seconds for order in plan.orders)


def test_what_a_system_cannot_be_given_is_not_planned() -> None:
    cannot = {FaultKind.RESTART_DATABASE, FaultKind.LOSE_BROKER}
    plan = planned(cannot=cannot)
    assert plan.kills == 20
    assert cannot.isdisjoint(fault.kind for fault in plan.faults)
    assert planned(kills=0).faults == ()
    assert planned(minutes=3).seconds == 180


def test_each_story_is_told_with_cards_and_carriers_that_exist() -> None:
    for card, carrier in (each for variants in VARIANTS.values() for each in variants):
        assert card in CARDS
        assert carrier == "" or carrier in SERVICES
    assert judge.ENDINGS.keys() | {Story.CANCEL} == set(Story)
    assert "payments.capture" in fulfil_order.steps


def test_orders_after_the_faults_have_names_of_their_own() -> None:
    plan = planned()
    after = orders_after(seed=plan.seed, number=20, seconds=5, shelf=SHELF)
    assert {order.story for order in after} == {Story.HAPPY}
    assert {order.key for order in after}.isdisjoint(order.key for order in plan.orders)


def test_the_plans_clock_stands_still_for_a_fault_that_takes_long() -> None:
    clock, never = PlanClock(), threading.Event()
    clock.stand_at(0.05)
    assert clock.wait_until(0.05, stopping=never)
    never.wait(0.05)
    assert clock.now() == 0.05
    since = time.monotonic()
    clock.stand_at(60)
    assert clock.wait_until(0.1, stopping=never)
    assert 0.1 <= clock.now() <= 0.05 + time.monotonic() - since
    never.set()
    assert not clock.wait_until(50, stopping=never)


def test_the_watch_names_checks_that_exist() -> None:
    assert set(SAFETY) <= set(discover())
    assert set(TRANSITIONS) <= SAFETY
