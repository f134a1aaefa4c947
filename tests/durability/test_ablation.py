"""Guard ablation: without any single guard something goes wrong that the ordinary checks see; with it nothing does.

It answers how anybody knows that the model test would find a fault: each guard of the engine is switched off, and the
same judge that watches the model test must say what is wrong.
"""

from __future__ import annotations

import pytest

from tests.durability import judge, schedules
from tests.durability.ablations import ABLATIONS, Ablation
from tests.durability.deliveries import Violation
from tests.durability.finishing import finish
from tests.durability.world import World

pytestmark = pytest.mark.owner

each_guard = pytest.mark.parametrize("ablation", ABLATIONS, ids=lambda each: each.guard.replace(" ", "_"))


def play(world: World, ablation: Ablation) -> None:
    """The schedule, then everything that ordinarily follows, under the ordinary judge."""
    ablation.schedule(world)
    judge.at_every_moment(world)
    finish(world)
    judge.in_the_end(world)
    if world.transport.habits.doubled:
        judge.messages_stay_few(world)


@each_guard
def test_with_every_guard_the_schedule_is_harmless(world: World, ablation: Ablation) -> None:
    play(world, ablation)
    assert world.bodies


@each_guard
def test_without_its_guard_the_harm_is_seen(world: World, ablation: Ablation) -> None:
    with ablation.off(), pytest.raises(Violation, match=ablation.caught_by):
        play(world, ablation)


def test_at_least_twelve_guards_are_tried_and_none_twice() -> None:
    assert len(ABLATIONS) >= 12
    assert len({each.guard for each in ABLATIONS}) == len(ABLATIONS)


def test_a_zombie_that_acts_while_it_is_looked_up_is_found(world: World) -> None:
    schedules.a_zombie_insures_during_the_second_look_up(world)
    judge.at_every_moment(world)
    finish(world)
    judge.in_the_end(world)
