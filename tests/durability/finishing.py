"""How a world comes to its end: faults stop, people and other services do their part, and time passes."""

from __future__ import annotations

from django.db.models import Q

from orchestration.engine.rows.reading import database_now
from orchestration.models import OutboxMessage, Saga
from tests.durability.deliveries import Violation
from tests.durability.trip import provider
from tests.durability.world import World

MOST_ROUNDS = 400
"""A world that is not at rest after so many rounds without faults never will be."""


def finish(world: World) -> None:
    """Stop every fault and go on until every saga has ended and every message has arrived.

    Raises:
        Violation: one never does.
    """
    provider.heal()
    world.close()
    left: list[Saga] = []
    for number in range(MOST_ROUNDS):
        world.deliver_all()
        world.sweep()
        if world.transport.mail:
            continue
        left = list(Saga.objects.filter(ended_at=None))
        unheard = OutboxMessage.objects.filter(Q(sent_at=None) | Q(kind="event", received_at=None))
        due = Saga.objects.filter(wake_at__isnull=False)
        if not left and not unheard.exists() and not due.exists():
            return
        _help(world, left, number)
        world.relay()
        if not world.transport.mail:
            _pass_time_until_due(world)
    raise Violation(f"never at rest: {[_describe(saga) for saga in left]}")


def _describe(saga: Saga) -> str:
    """One saga with its steps and the end of its history, for the reader of a failed test."""
    saga.refresh_from_db()
    rows = ", ".join(str(row) for row in saga.steps.all())
    told = ", ".join(str(entry) for entry in list(saga.history.all())[-12:])
    incidents = ", ".join(str(each) for each in saga.incidents.filter(resolved_at=None))
    return (
        f"{saga} wake_at={saga.wake_at} paused={saga.paused}; {rows}; incidents: {incidents}; history: {told}"
    )


def _help(world: World, left: list[Saga], number: int) -> None:
    """What people and other services do in the end: they resume, mend, and send the event."""
    for saga in left:
        if saga.paused:
            world.person("resume", saga.business_key)
        world.person("retry", saga.business_key)
        if saga.state == "waiting":
            world.event(saga.business_key, f"at last {number}")


def _pass_time_until_due(world: World) -> None:
    moments = [
        *Saga.objects.values_list("wake_at", flat=True),
        *OutboxMessage.objects.filter(sent_at=None).values_list("claimed_until", flat=True),
    ]
    due = min((moment for moment in moments if moment is not None), default=None)
    world.pass_time(max((due - database_now()).total_seconds(), 0.0) + 0.01 if due else 60.0)
