"""The interleavings that a design without these barriers gets wrong: real threads, each with a connection of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from django.db import connection

from orchestration.engine.messages.transport import use_transport
from orchestration.models import Incident, Saga
from orchestration.services import cancel_saga
from orchestration.testing.mail import StepMail
from tests.durability import judge
from tests.durability.finishing import finish
from tests.durability.processes import Fate
from tests.durability.trip import provider
from tests.durability.world import World

ACT = "before effect"


def beside(world: World, work: Callable[[], object]) -> threading.Thread:
    """Begin something in a process of its own and do not wait for it."""

    def live() -> None:
        try:
            with use_transport(world.transport):
                work()
        finally:
            connection.close()

    thread = threading.Thread(target=live, daemon=True)
    thread.start()
    return thread


def waits_for_a_lock() -> bool:
    """Whether another session of this database comes to wait for a lock."""
    waiting = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    with connection.cursor() as cursor:
        for _ in range(500):
            cursor.execute(waiting)
            if cursor.fetchone()[0]:
                return True
            cursor.execute("SELECT pg_sleep(0.01)")
    return False


def ends_well(world: World, state: str) -> None:
    judge.at_every_moment(world)
    finish(world)
    judge.in_the_end(world)
    assert Saga.objects.get().state == state


def test_undo_waits_for_a_local_step_that_is_being_recorded_and_then_undoes_it(world: World) -> None:
    """The step's transaction is open, its record written: undo must neither pass it by nor forget it."""
    world.start("a")
    saga_id = Saga.objects.get().id
    world.carry("model.hold", fate=Fate("freeze", "K9"))
    cancelling = beside(world, lambda: cancel_saga(saga_id=saga_id, by="ada"))
    assert waits_for_a_lock()
    assert Saga.objects.get().state == "running"
    world.wake()
    cancelling.join(10)
    assert Saga.objects.get().state == "compensating"
    ends_well(world, "cancelled")
    assert [e.direction for e in judge.ledger() if e.step == "model.hold"] == ["forward", "undo"]


def test_a_local_step_still_acting_when_undo_begins_leaves_nothing(world: World) -> None:
    """Its claim is committed and its effect is not: undo settles it as absent, and its record is refused."""
    world.start("a")
    world.carry("model.hold", fate=Fate("freeze", "K8"))
    world.person("cancel", "a")
    world.pass_time(16.0)
    world.sweep()
    world.deliver_all()
    world.wake()
    ends_well(world, "cancelled")
    assert [e for e in judge.ledger() if e.step == "model.hold"] == []


@pytest.mark.parametrize(("first", "second"), [("charge", "insure"), ("insure", "charge")])
def test_two_branches_recorded_at_the_same_moment_join_once_and_at_once(
    world: World, first: str, second: str
) -> None:
    """The second waits for the first's lock: counting in the statement that waited, it would use the old snapshot."""
    world.start("a")
    world.carry("model.label")
    world.carry(f"model.{first}", fate=Fate("freeze", "K9"))
    last = next(
        mail
        for mail in world.transport.mail
        if isinstance(mail, StepMail) and mail.call.step == f"model.{second}"
    )
    world.transport.mail.remove(last)
    recording = beside(world, lambda: world.transport.deliver(last))
    assert waits_for_a_lock()
    world.wake()
    recording.join(10)
    world.deliver_all()  # no time passes and nobody sweeps
    assert Saga.objects.get().state == "completed"
    ends_well(world, "completed")


@pytest.mark.parametrize("step", ["model.charge", "model.insure"])
@pytest.mark.parametrize("looks", [0, 1])
def test_a_worker_frozen_before_its_call_cannot_charge_behind_the_back_of_undo(
    world: World, step: str, looks: int
) -> None:
    """With `cancel_by_key` the provider refuses it; with look-ups alone the second one finds what it did."""
    world.start("a")
    world.carry(step, fate=Fate("freeze", ACT))
    world.pass_time(16.0)
    world.person("cancel", "a")
    world.deliver_all()
    for _ in range(looks):
        world.pass_time(5.0)
        world.sweep()
        world.deliver_all()
    world.wake()
    ends_well(world, "cancelled")
    acted = [effect.direction for effect in judge.ledger() if effect.step == step]
    assert acted == ([] if step == "model.charge" else ["forward", "undo"])


def test_a_late_result_while_the_saga_goes_forward_is_a_duplicate(world: World) -> None:
    world.start("a")
    world.carry("model.insure", fate=Fate("freeze", ACT))
    for seconds in (16.0, 12.0, 12.0):
        world.pass_time(seconds)
        world.sweep()
        world.deliver_all()
    assert Saga.objects.get().state == "completed"
    key = next(effect.key for effect in provider.effects.values() if effect.step == "model.insure")
    world.wake()
    assert provider.calls[key] == 2
    assert Saga.objects.get().history.filter(kind="late_result", data__adopted=False).count() == 1
    ends_well(world, "completed")


def test_a_late_result_of_a_saga_that_has_ended_is_undone_and_its_state_stays(world: World) -> None:
    """The worker sleeps for longer than anybody waits: neither look-up could know."""
    world.start("a")
    world.carry("model.insure", fate=Fate("freeze", ACT))
    world.pass_time(16.0)
    world.person("cancel", "a")
    for _ in range(8):
        world.deliver_all()
        world.pass_time(61.0)
        world.sweep()
    assert Saga.objects.get().state == "cancelled"
    world.wake()
    assert Incident.objects.filter(kind="late_effect", step="model.insure").count() == 1
    ends_well(world, "cancelled")
    assert [e.direction for e in judge.ledger() if e.step == "model.insure"] == ["forward", "undo"]
