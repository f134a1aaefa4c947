"""The world of the model test itself: without faults every saga ends as it must, and the judge sees what is wrong."""

from __future__ import annotations

from orchestration.models import Saga
from tests.durability import judge
from tests.durability.finishing import finish
from tests.durability.world import World


def test_without_faults_sagas_complete(world: World) -> None:
    world.start("a")
    world.start("b", short=True)
    finish(world)
    judge.in_the_end(world)
    assert set(Saga.objects.values_list("state", flat=True)) == {"completed"}


def test_declined_is_undone(world: World) -> None:
    world.start("a")
    world.trouble("model.ship", "forward", "decline", 1)
    world.relay()
    for _ in range(20):
        world.deliver()
        judge.at_every_moment(world)
    finish(world)
    judge.in_the_end(world)
    assert Saga.objects.get().state == "compensated"
