"""Schedules in which one guard decides: short, exact, and harmless as long as every guard is there."""

from __future__ import annotations

from orchestration.testing.mail import Habits
from tests.durability.processes import Fate
from tests.durability.world import World

ACT = "before effect"
LEASE_OVER = 16.0


def frozen(point: str = ACT, then: str = "") -> Fate:
    """A process that freezes there."""
    return Fate("freeze", point, then=then)


def look_again(world: World) -> None:
    """The error callback never came: some seconds later the heartbeat sees what is to be done."""
    world.pass_time(4.0)
    world.sweep()
    world.deliver_all()


def every_message_twice(world: World) -> None:
    world.transport.habits = Habits(doubled=True)
    world.trouble("model.ship", "forward", "decline", 1)
    world.start("a")
    world.start("b")
    world.deliver_all()


def two_branches_say_no(world: World) -> None:
    world.start("a")
    world.carry("model.insure", fate=frozen())
    world.trouble("model.charge", "forward", "decline", 1)
    world.trouble("model.insure", "forward", "decline", 1)
    world.carry("model.charge")
    world.wake()


def a_zombie_fails_while_its_successor_acts(world: World) -> None:
    world.start("a")
    world.carry("model.charge", fate=frozen())
    world.pass_time(LEASE_OVER)
    world.sweep()
    world.carry("model.charge", fate=frozen())
    world.trouble("model.charge", "forward", "decline", 1)
    world.wake()
    look_again(world)
    world.wake()


def a_zombie_acts_in_a_pause_and_records_after_it(world: World) -> None:
    world.start("a")
    _hold_in_a_pause(world)


def a_zombie_with_a_claim_acts_in_a_pause_and_records_after_it(world: World) -> None:
    world.start("a")
    _delivered_in_vain(world, "model.hold")
    _hold_in_a_pause(world)


def _delivered_in_vain(world: World, step: str) -> None:
    """What is delivered again is claimed, also where it is quick."""
    world.carry(step, fate=Fate("die", "K6"))


def _hold_in_a_pause(world: World) -> None:
    world.carry("model.hold", fate=frozen(then="K8"))
    world.person("pause", "a")
    world.wake()
    world.person("resume", "a")
    world.wake()


def a_local_step_is_overtaken_by_undo(world: World) -> None:
    world.start("a")
    world.carry("model.hold", fate=frozen())
    world.person("cancel", "a")
    world.wake()


def a_local_step_with_a_claim_is_overtaken_by_undo(world: World) -> None:
    world.start("a")
    _delivered_in_vain(world, "model.hold")
    world.carry("model.hold", fate=frozen())
    world.person("cancel", "a")
    world.wake()


def a_duplicate_of_a_quick_step_is_done_while_the_first_freezes(world: World) -> None:
    world.start("a")
    world.carry("model.hold", fate=frozen())
    world.again("model.hold")
    world.wake()


def a_duplicate_comes_while_a_worker_acts(world: World) -> None:
    world.start("a")
    world.carry("model.charge", fate=frozen())
    world.again("model.charge")
    world.wake()


def one_event_twice(world: World) -> None:
    world.start("a", short=True)
    world.deliver_all()
    world.event("a", "e1")
    world.deliver_all()
    world.event_again()
    world.deliver_all()


def a_publisher_dies_before_commit(world: World) -> None:
    world.start("a", short=True)
    world.deliver_all()
    world.event("a", "ghost", dies=True)
    world.deliver_all()


def a_branch_of_a_join_is_counted_twice(world: World) -> None:
    world.trouble("model.ship", "forward", "decline", 1)
    world.start("a")
    world.carry("model.insure", "undo")
    world.again("model.insure", "undo")
    world.again("model.insure", "undo")
    world.carry("model.open", "undo", first=True)


def a_message_comes_for_a_step_far_ahead(world: World) -> None:
    """Somebody who can write to the queue names the pivot, and nothing that must come before it."""
    world.start("a")
    world.carry("model.open")
    world.forge("a", "model.ship")


def one_branch_fails_while_another_acts(world: World) -> None:
    world.start("a")
    world.carry("model.insure", fate=frozen())
    world.trouble("model.charge", "forward", "decline", 1)
    world.carry("model.charge")
    look_again(world)
    world.wake()


def every_answer_is_lost(world: World) -> None:
    world.trouble("model.charge", "forward", "effect_then_error", 99)
    world.silence(99)
    world.start("a")
    for _ in range(8):
        world.deliver_all()
        world.pass_time(21.0)
        world.sweep()


def an_answer_is_lost_and_the_provider_forgets_the_key(world: World) -> None:
    world.trouble("model.ship", "forward", "effect_then_error", 1)
    world.start("a")
    world.deliver_all()
    world.wipe()
    world.pass_time(2 * 86_400.0)


def a_zombie_charges_after_it_was_settled(world: World) -> None:
    world.start("a")
    world.carry("model.charge", fate=frozen())
    world.pass_time(LEASE_OVER)
    world.person("cancel", "a")
    world.deliver_all()
    world.wake()


def a_zombie_insures_after_the_first_look_up(world: World) -> None:
    world.start("a")
    world.carry("model.insure", fate=frozen())
    world.pass_time(LEASE_OVER)
    world.person("cancel", "a")
    world.deliver_all()
    world.wake()


def an_answer_is_lost(world: World) -> None:
    world.trouble("model.charge", "forward", "effect_then_error", 1)
    world.start("a")
    world.deliver_all()


def started_twice(world: World) -> None:
    world.start("a")
    world.start("a")


def a_cancel_comes_while_the_pivot_acts(world: World) -> None:
    world.start("a")
    world.carry("model.ship", fate=frozen("K8"))
    world.person("cancel", "a")
    world.wake()


def a_zombie_insures_during_the_second_look_up(world: World) -> None:
    """The second look-up has found nothing and has not yet said so, when the worker that was thought dead acts."""
    world.start("a")
    world.carry("model.insure", fate=frozen())
    world.pass_time(LEASE_OVER)
    world.person("cancel", "a")
    world.deliver_all()
    world.pass_time(46.0)
    world.sweep()
    world.settle("model.insure", fate=frozen("looked up"))
    world.wake(0)
    world.wake(0)
