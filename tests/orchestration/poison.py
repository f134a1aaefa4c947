"""Sagas with a step that kills its worker's process each time, before the pivot and past it. For real workers only."""

from __future__ import annotations

import os
import signal

from django.db import connection

from orchestration import Message, StepContext, external, local, saga, step
from orchestration.participant import performs


class Pill(Message):
    deadly: bool = False


prepare = local("poison.prepare", takes=Pill)
clean_up = local("poison.clean_up", takes=Pill)
swallow = external("poison.swallow", takes=Pill)
give_back = external("poison.give_back", takes=Pill)
decide = local("poison.decide", takes=Pill)

before_pivot = saga(
    "poison.before_pivot",
    version=1,
    input=Pill,
    flow=step(prepare, undo=clean_up) | step(swallow, undo=give_back) | step(decide, pivot=True),
)
past_pivot = saga(
    "poison.past_pivot", version=1, input=Pill, flow=step(decide, pivot=True) | step(swallow) | step(prepare)
)


@performs(prepare)
def do_prepare(command: Pill, context: StepContext) -> None:
    pass


@performs(clean_up)
def do_clean_up(command: Pill, context: StepContext) -> None:
    pass


@performs(swallow)
def do_swallow(command: Pill, context: StepContext) -> None:
    if command.deadly:
        os.kill(os.getpid(), signal.SIGKILL)


@do_swallow.look_up
def find_swallowed(command: Pill, context: StepContext) -> None:
    return None


@do_swallow.cancel_by_key
def refuse_swallowing(command: Pill, context: StepContext) -> None:
    return None


@performs(give_back)
def do_give_back(command: Pill, context: StepContext) -> None:
    pass


@performs(decide)
def do_decide(command: Pill, context: StepContext) -> None:
    pass


class Person(Message):
    address: str


collide = local("poison.collide", takes=Person)
colliding = saga("poison.colliding", version=1, input=Person, flow=step(collide, pivot=True))


@performs(collide)
def do_collide(command: Person, context: StepContext) -> None:
    """Break a rule of the database with what is somebody's."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO django_session (session_key, session_data) VALUES (%s, 'x')", [command.address]
        )
