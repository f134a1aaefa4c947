"""The saga of the model test: every kind of node, local and external, with and without `cancel_by_key`.

open | (hold | label  beside  charge  beside  insure) | [wait, wait, if short] | confirm | ship (pivot) | tell
"""

from __future__ import annotations

from typing import Any

from django.db import connection

from orchestration import (
    Message,
    RetryPolicy,
    StepContext,
    choice,
    days,
    external,
    give_up,
    local,
    nothing,
    parallel,
    saga,
    step,
    wait_for,
)
from orchestration.participant import performs
from tests.durability.provider import Provider, complain

TABLE = """
CREATE TABLE IF NOT EXISTS model_effect (
    id bigserial PRIMARY KEY, number bigint, saga_id uuid, step text, direction text, key text
)
"""

provider = Provider()
"""The one of this process: participants are registered once."""


class Order(Message):
    name: str
    short: bool = False


class Held(Message):
    place: str


class Short(Message):
    missing: int


class Charged(Message):
    charge: str


class Insured(Message):
    policy: str


class Shipped(Message):
    parcel: str


class Unheld(Message):
    name: str


class Refund(Message):
    charge: str


class Uninsure(Message):
    policy: str


PATIENT = RetryPolicy(attempts=4, first=20.0, factor=1.0)

open_ = local("model.open", takes=Order)
close = local("model.close", takes=Unheld)
hold = local("model.hold", takes=Order, gives=Held | Short)
release = local("model.release", takes=Unheld)
label = local("model.label", takes=Order)
unlabel = local("model.unlabel", takes=Unheld)
charge = external("model.charge", takes=Order, gives=Charged)
refund = external("model.refund", takes=Refund)
insure = external("model.insure", takes=Order, gives=Insured)
uninsure = external("model.uninsure", takes=Uninsure)
confirm = local("model.confirm", takes=Order)
ship = external("model.ship", takes=Order, gives=Shipped)
tell = local("model.tell", takes=Order)
apologise = local("model.apologise", takes=Order)

trip = saga(
    "model.trip",
    version=1,
    input=Order,
    flow=(
        step(open_, undo=close, milestone="Opened")
        | parallel(
            step(hold, undo=release) | step(label, undo=unlabel),
            step(charge, undo=refund, retry=PATIENT, undo_retry=PATIENT),
            step(insure, undo=uninsure, retry=PATIENT, undo_retry=PATIENT),
        )
        | choice(
            hold,
            {
                Short: wait_for("model.restocked", gives=Held, within=days(2), otherwise=give_up)
                # A second wait for the same kind of news: one event must not end both.
                | wait_for("model.restocked", name="model.checked", within=days(2), otherwise=give_up)
            },
        )
        | step(confirm, undo=nothing("closing says it"))
        | step(ship, pivot=True, retry=PATIENT, milestone="Shipped")
        | step(tell)
    ),
    after_undo=step(apologise),
    deadline=days(30),
)

ONE_BEFORE_THE_OTHER = [
    ("model.open", "model.hold"),
    ("model.open", "model.label"),
    ("model.open", "model.charge"),
    ("model.open", "model.insure"),
    ("model.hold", "model.label"),
]
"""Pairs of steps with an undo whose order the flow demands; undone the other way round."""
UNDONE = ["model.open", "model.hold", "model.label", "model.charge", "model.insure"]
"""Steps that have an undo."""
EXTERNAL = ["model.charge", "model.insure", "model.ship"]
ALL = [
    "model.open",
    "model.hold",
    "model.label",
    "model.charge",
    "model.insure",
    "model.confirm",
    "model.ship",
    "model.tell",
]
"""The steps of the flow, in its order."""


def _here(context: StepContext) -> None:
    """A local effect: a row, in the engine's own transaction."""
    provider.reach("before effect", context)
    mode = provider.trouble(context)
    complain(mode)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO model_effect (number, saga_id, step, direction, key) VALUES (%s, %s, %s, %s, %s)",
            [provider.number(), context.saga_id, context.step, context.direction, context.idempotency_key],
        )
    if mode == "effect_then_error":
        raise ValueError("an error after the row was written")


def _plain(reference: Any) -> None:
    def act(command: Message, context: StepContext) -> None:
        _here(context)

    performs(reference)(act)


for _reference in (open_, close, release, label, unlabel, confirm, tell, apologise):
    _plain(_reference)


@performs(hold)
def do_hold(command: Order, context: StepContext) -> Held | Short:
    _here(context)
    return Short(missing=1) if command.short else Held(place="12A")


@performs(charge)
def do_charge(command: Order, context: StepContext) -> Charged:
    return Charged(charge=provider.act(context))


@do_charge.look_up
def find_charge(command: Order, context: StepContext) -> Charged | None:
    key = provider.find(context)
    return Charged(charge=key) if key else None


@do_charge.cancel_by_key
def refuse_charge(command: Order, context: StepContext) -> Charged | None:
    key = provider.refuse(context)
    return Charged(charge=key) if key else None


@performs(refund)
def do_refund(command: Refund, context: StepContext) -> None:
    provider.act(context)


@performs(insure)
def do_insure(command: Order, context: StepContext) -> Insured:
    return Insured(policy=provider.act(context))


@do_insure.look_up
def find_insurance(command: Order, context: StepContext) -> Insured | None:
    key = provider.find(context)
    return Insured(policy=key) if key else None


@performs(uninsure)
def do_uninsure(command: Uninsure, context: StepContext) -> None:
    provider.act(context)


@performs(ship)
def do_ship(command: Order, context: StepContext) -> Shipped:
    return Shipped(parcel=provider.act(context))


@do_ship.look_up
def find_parcel(command: Order, context: StepContext) -> Shipped | None:
    key = provider.find(context)
    return Shipped(parcel=key) if key else None


@do_ship.cancel_by_key
def refuse_parcel(command: Order, context: StepContext) -> Shipped | None:
    key = provider.refuse(context)
    return Shipped(parcel=key) if key else None
