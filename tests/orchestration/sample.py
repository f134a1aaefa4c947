"""A saga for the engine's own tests: every kind of node, effects in two ledgers (ours, and somebody else's)."""

from __future__ import annotations

import threading
from collections import Counter
from uuid import UUID

from django.db import connection

from orchestration import (
    NOT_NEEDED,
    Message,
    NotNeeded,
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

TABLE = "CREATE TABLE IF NOT EXISTS sample_effect (id bigserial PRIMARY KEY, saga_id uuid, what text)"
"""Of the local effects."""


class TripInput(Message):
    name: str
    full: bool = False


class Command(Message):
    name: str


class BookSeat(Message):
    name: str
    full: bool = False


class Seat(Message):
    seat: str


class Queued(Message):
    place: int


class Charged(Message):
    charge: str


class Ticket(Message):
    ticket: str


class Refund(Message):
    name: str
    charge: str


register = local("sample.register", takes=Command)
unregister = local("sample.unregister", takes=Command)
book_seat = local("sample.book_seat", takes=BookSeat, gives=Seat | Queued)
free_seat = local("sample.free_seat", takes=Command)
charge = external("sample.charge", takes=Command, gives=Charged)
refund = external("sample.refund", takes=Refund)
confirm = local("sample.confirm", takes=Command)
issue_ticket = external("sample.issue_ticket", takes=Refund, gives=Ticket)
send_ticket = local("sample.send_ticket", takes=Command)
say_sorry = local("sample.say_sorry", takes=Command)

trip = saga(
    "sample.trip",
    version=1,
    input=TripInput,
    flow=(
        step(register, undo=unregister, milestone="Registered")
        | parallel(step(book_seat, undo=free_seat), step(charge, undo=refund))
        | choice(
            book_seat, {Queued: wait_for("sample.seat_free", gives=Seat, within=days(2), otherwise=give_up)}
        )
        | step(confirm, undo=nothing("undoing the booking says it"))
        | step(issue_ticket, pivot=True, milestone="Issued")
        | step(send_ticket)
    ),
    after_undo=step(say_sorry),
    deadline=days(30),
)


class Provider:
    """Somebody else's system, in memory: effects by idempotency key, and keys it refuses."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        self.effects: dict[str, str] = {}
        self.refused: set[str] = set()
        self.calls: Counter[str] = Counter()

    def do(self, what: str, context: StepContext) -> None:
        with self.lock:
            self.calls[what] += 1
            if context.idempotency_key in self.refused:
                raise RuntimeError("that key was cancelled")
            self.effects.setdefault(context.idempotency_key, what)

    def count(self, what: str) -> int:
        return list(self.effects.values()).count(what)


provider = Provider()


def effect(what: str, context: StepContext) -> None:
    """One row of business work, in the engine's transaction."""
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO sample_effect (saga_id, what) VALUES (%s, %s)", [context.saga_id, what])


def effects(saga_id: UUID) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT what FROM sample_effect WHERE saga_id = %s ORDER BY id", [saga_id])
        return [row[0] for row in cursor.fetchall()]


@performs(register)
def do_register(command: Command, context: StepContext) -> None:
    effect("register", context)


@performs(unregister)
def do_unregister(command: Command, context: StepContext) -> None:
    effect("unregister", context)


@performs(book_seat)
def do_book_seat(command: BookSeat, context: StepContext) -> Seat | Queued:
    effect("book_seat", context)
    return Queued(place=1) if command.full else Seat(seat="12A")


@performs(free_seat)
def do_free_seat(command: Command, context: StepContext) -> None:
    effect("free_seat", context)


@performs(charge)
def do_charge(command: Command, context: StepContext) -> Charged:
    provider.do("charge", context)
    return Charged(charge=context.idempotency_key)


@do_charge.look_up
def find_charge(command: Command, context: StepContext) -> Charged | None:
    key = context.idempotency_key
    return Charged(charge=key) if key in provider.effects else None


@do_charge.cancel_by_key
def refuse_charge(command: Command, context: StepContext) -> Charged | None:
    provider.refused.add(context.idempotency_key)
    key = context.idempotency_key
    return Charged(charge=key) if key in provider.effects else None


@performs(refund)
def do_refund(command: Refund, context: StepContext) -> NotNeeded | None:
    if command.charge not in provider.effects:
        return NOT_NEEDED
    provider.do("refund", context)
    return None


@performs(confirm)
def do_confirm(command: Command, context: StepContext) -> None:
    effect("confirm", context)


@performs(issue_ticket)
def do_issue_ticket(command: Refund, context: StepContext) -> Ticket:
    provider.do("issue_ticket", context)
    return Ticket(ticket=context.idempotency_key)


@do_issue_ticket.look_up
def find_ticket(command: Refund, context: StepContext) -> Ticket | None:
    key = context.idempotency_key
    return Ticket(ticket=key) if key in provider.effects else None


@performs(send_ticket)
def do_send_ticket(command: Command, context: StepContext) -> None:
    effect("send_ticket", context)


@performs(say_sorry)
def do_say_sorry(command: Command, context: StepContext) -> None:
    effect(f"say_sorry:{context.failure.code if context.failure else ''}", context)
