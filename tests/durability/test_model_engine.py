"""The model test: any order of deliveries, losses, deaths, zombies, clocks and people keeps the rules and ends well.

Hypothesis chooses the schedule; the engine, the database and its locks are real. `--durability` looks longer.
"""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from orchestration.crash.points import listening
from tests.durability import judge
from tests.durability.finishing import finish
from tests.durability.processes import Fate
from tests.durability.provider import MODES
from tests.durability.trip import ALL, UNDONE
from tests.durability.world import World

KEYS = st.sampled_from(["a", "b"])
ANY = st.integers(0, 30)
DEATHS = st.builds(
    Fate,
    st.just("die"),
    st.sampled_from(
        ["K6", "K7", "K8", "K9", "K10", "K12", "K13", "K14", "K19", "before effect", "looked up"]
    ),
)
# Never frozen where it holds a saga's lock: its database would end that session, and no test would end.
FREEZES = st.builds(
    Fate,
    st.just("freeze"),
    st.sampled_from(["K7", "K8", "K10", "K12", "K13", "K14", "before effect", "looked up"]),
)
FATES = st.one_of(st.none(), DEATHS, FREEZES)
STEPS = st.one_of(
    st.tuples(st.sampled_from(ALL), st.just("forward")), st.tuples(st.sampled_from(UNDONE), st.just("undo"))
)
MOST_FROZEN = 3


class Engine(RuleBasedStateMachine):
    """One world; Hypothesis is the broker, the operating system, the clock and the people."""

    met: ClassVar[Counter[str]] = Counter()
    """What all examples have met: a run in which nothing happened proves nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self._listening = listening(self.world.processes.reach)
        self._listening.__enter__()
        self.world.start("a")

    @rule(key=KEYS, short=st.booleans(), dies_at=st.sampled_from(["", "", "", "K1", "K2"]))
    def start(self, key: str, short: bool, dies_at: str) -> None:
        self.world.start(key, short=short, dies_at=dies_at)

    @rule(index=ANY, fate=FATES)
    def deliver(self, index: int, fate: Fate | None) -> None:
        self.world.deliver(index, self._allowed(fate))

    @rule(times=st.integers(2, 8))
    def deliver_in_order(self, times: int) -> None:
        for _ in range(times):
            self.world.relay()
            self.world.deliver()

    @rule(times=st.integers(3, 12), fate=st.one_of(DEATHS, FREEZES))
    def deliver_until_one_meets_its_fate(self, times: int, fate: Fate) -> None:
        chosen = self._allowed(fate)
        for _ in range(times):
            self.world.relay()
            if not self.world.deliver(0, chosen) or (chosen is not None and chosen.met):
                return

    @rule(index=ANY, fate=FATES)
    def deliver_again(self, index: int, fate: Fate | None) -> None:
        self.world.deliver_again(index, self._allowed(fate))

    @rule(index=ANY)
    def drop(self, index: int) -> None:
        self.world.drop(index)

    @rule()
    def wipe(self) -> None:
        self.world.wipe()

    @rule(point=st.sampled_from(["", "", "K3", "K4", "K5", "K12"]))
    def relay(self, point: str) -> None:
        self.world.relay(Fate("die", point) if point else None)

    @rule(point=st.sampled_from(["", "", "K16", "K17", "K21", "K12"]))
    def sweep(self, point: str) -> None:
        self.world.sweep(Fate("die", point) if point else None)

    @precondition(lambda self: bool(self.world.processes.frozen))
    @rule(index=ANY)
    def wake(self, index: int) -> None:
        self.world.wake(index)

    @rule(where=STEPS, mode=st.sampled_from(MODES), times=st.sampled_from([1, 2, 5, 9]))
    def trouble(self, where: tuple[str, str], mode: str, times: int) -> None:
        self.world.trouble(*where, mode, times)

    @rule(times=st.integers(1, 4))
    def silence(self, times: int) -> None:
        self.world.silence(times)

    @rule(
        key=st.sampled_from(["a", "b", "nobody"]), event_id=st.sampled_from(["e1", "e2"]), fits=st.booleans()
    )
    def event(self, key: str, event_id: str, fits: bool) -> None:
        self.world.event(key, f"{key}-{event_id}", type="model.restocked" if fits else "model.unheard_of")

    @rule(seconds=st.sampled_from([1.3, 11.7, 31.3, 71.9, 3701.0, 180_011.0, 2_700_007.0]))
    def pass_time(self, seconds: float) -> None:
        self.world.pass_time(seconds)

    @rule(key=KEYS, what=st.sampled_from(["cancel", "pause", "resume", "retry"]))
    def person(self, key: str, what: str) -> None:
        self.world.person(what, key)

    @invariant()
    def the_ledger_is_right(self) -> None:
        judge.of_the_ledger(self.world)

    @rule()
    def verify(self) -> None:
        """All checks of `verify` at once; what they look at stays in the rows and the history."""
        judge.at_every_moment(self.world)

    def teardown(self) -> None:
        try:
            finish(self.world)
            judge.in_the_end(self.world)
            self.met.update(self.world.happened)
        finally:
            self.world.close()
            self._listening.__exit__(None, None, None)

    def _allowed(self, fate: Fate | None) -> Fate | None:
        full = len(self.world.processes.frozen) >= MOST_FROZEN
        return None if fate is not None and fate.ends == "freeze" and full else _fresh(fate)


def _fresh(fate: Fate | None) -> Fate | None:
    return Fate(fate.ends, fate.point, fate.step) if fate is not None else None


def _settings(examples: int, steps: int, *, derandomized: bool) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        derandomize=derandomized,
        database=None,
        print_blob=True,
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )


@pytest.mark.django_db(transaction=True)
def test_any_schedule_keeps_the_rules_and_ends_well() -> None:
    Engine.met.clear()
    run_state_machine_as_test(Engine, settings=_settings(50, 30, derandomized=True))
    assert {"zombie", "duplicate", "lost"} <= set(Engine.met), Engine.met
    assert any(name.startswith("died at") for name in Engine.met)


@pytest.mark.durability
@pytest.mark.django_db(transaction=True)
def test_many_more_schedules_keep_the_rules_and_end_well() -> None:
    run_state_machine_as_test(Engine, settings=_settings(300, 40, derandomized=False))
