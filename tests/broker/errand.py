"""A saga of real workers whose calls are written down by somebody else: a fork, a step that may take long, and one after it."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from uuid import uuid4

from django.db import transaction

from orchestration import Message, StepContext, external, local, parallel, saga, step
from orchestration.models import Saga
from orchestration.participant import performs
from orchestration.services import start_saga
from tests.bootstrap.running_system import wait_until

LEDGER = "ERRAND_LEDGER"
"""Environment variable: the file of the provider."""
QUEUES = ("errand", "orchestration")


class Errand(Message):
    held: bool = False
    """Whether the call of `carry` lasts until the provider is released."""


pack = local("errand.pack", takes=Errand)
unpack = local("errand.unpack", takes=Errand)
pay = external("errand.pay", takes=Errand)
pay_back = external("errand.pay_back", takes=Errand)
label = local("errand.label", takes=Errand)
unlabel = local("errand.unlabel", takes=Errand)
carry = external("errand.carry", takes=Errand)
carry_back = external("errand.carry_back", takes=Errand)
tell = local("errand.tell", takes=Errand)

errand = saga(
    "errand.run",
    version=1,
    input=Errand,
    flow=(
        step(pack, undo=unpack)
        | parallel(step(pay, undo=pay_back), step(label, undo=unlabel))
        | step(carry, undo=carry_back)
        | step(tell, pivot=True)
    ),
)


def start(count: int = 1, *, held: bool = False) -> list[Saga]:
    """Start sagas in one transaction."""
    with transaction.atomic():
        return [start_saga(errand, input=Errand(held=held), business_key=str(uuid4())) for _ in range(count)]


class Provider:
    """A ledger on disk: one line for each call, and an effect once for each key."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def call(self, what: str, key: str) -> None:
        with self.file.open("a") as out:
            out.write(f"{what} {key}\n")

    def release(self) -> None:
        """Let held calls end, those of the future too."""
        self.file.with_suffix(".released").touch()

    def is_released(self) -> bool:
        return self.file.with_suffix(".released").exists()

    def lines(self) -> list[tuple[str, str]]:
        if not self.file.exists():
            return []
        return [(line.split()[0], line.split()[1]) for line in self.file.read_text().splitlines()]

    def effects(self) -> Counter[str]:
        """How many effects there are of each kind."""
        return Counter(what for what, _ in set(self.lines()))

    def begun(self) -> set[str]:
        """Keys whose call of `carry` was begun."""
        return {key for what, key in self.lines() if what == "begin"}


def _provider() -> Provider:
    return Provider(Path(os.environ[LEDGER]))


def _call(what: str, context: StepContext) -> None:
    _provider().call(what, context.idempotency_key)


@performs(pack)
def do_pack(command: Errand, context: StepContext) -> None:
    pass


@performs(unpack)
def do_unpack(command: Errand, context: StepContext) -> None:
    pass


@performs(label)
def do_label(command: Errand, context: StepContext) -> None:
    pass


@performs(unlabel)
def do_unlabel(command: Errand, context: StepContext) -> None:
    pass


@performs(pay)
def do_pay(command: Errand, context: StepContext) -> None:
    _call("pay", context)


@do_pay.cancel_by_key
def refuse_pay(command: Errand, context: StepContext) -> None:
    return None


@performs(pay_back)
def do_pay_back(command: Errand, context: StepContext) -> None:
    _call("pay_back", context)


@performs(carry)
def do_carry(command: Errand, context: StepContext) -> None:
    _call("begin", context)
    if command.held:
        wait_until(_provider().is_released, "the provider is released", 120)
    _call("carry", context)


@do_carry.cancel_by_key
def refuse_carry(command: Errand, context: StepContext) -> None:
    return None


@performs(carry_back)
def do_carry_back(command: Errand, context: StepContext) -> None:
    _call("carry_back", context)


@performs(tell)
def do_tell(command: Errand, context: StepContext) -> None:
    pass
