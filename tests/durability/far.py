"""A saga whose external step can be held in the middle on one host, at a provider both hosts reach. For real workers only.

The provider is a folder: an effect is a file named by its idempotency key, and a line tells who asked for it.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from django.db import connection

from orchestration import Message, StepContext, external, local, saga, step
from orchestration.participant import performs

HELD_AT_MOST = 120.0
"""Seconds; a test that forgets to let go must not hang."""


class Errand(Message):
    name: str


class Bought(Message):
    receipt: str


write_down = local("far.write_down", takes=Errand)
strike_out = local("far.strike_out", takes=Errand)
buy = external("far.buy", takes=Errand, gives=Bought, timeout=1.5 * HELD_AT_MOST)
give_back = external("far.give_back", takes=Bought)
tell = local("far.tell", takes=Errand)

errand = saga(
    "far.errand",
    version=1,
    input=Errand,
    flow=step(write_down, undo=strike_out) | step(buy, undo=give_back) | step(tell, pivot=True),
)


class Provider:
    """Somebody else's system, seen from outside."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def effects(self) -> set[str]:
        """Idempotency keys that have taken effect."""
        return {path.name for path in self.folder.glob("effect/*")}

    def told(self) -> list[dict[str, Any]]:
        """Every call, in its order: host, what (`arrived`, `acted`, `repeated`), key, saga."""
        file = self.folder / "told"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def who(self, what: str) -> dict[str, set[str]]:
        """By host, the keys of the calls of this kind."""
        found: dict[str, set[str]] = {}
        for line in self.told():
            if line["what"] == what:
                found.setdefault(line["host"], set()).add(line["key"])
        return found

    def hold(self, host: str) -> None:
        """From now on calls of this host stop before their effect."""
        (self.folder / f"hold-{host}").touch()

    def let_go(self, host: str) -> None:
        """They go on."""
        (self.folder / f"hold-{host}").unlink()


def prepared(folder: Path) -> Provider:
    """An empty provider."""
    (folder / "effect").mkdir()
    return Provider(folder)


def _here() -> tuple[Path, str]:
    return Path(os.environ["FAR_FOLDER"]), os.environ["FAR_HOST"]


def _key(context: StepContext) -> str:
    """The idempotency key, as the name of a file."""
    return context.idempotency_key.replace("/", "+")


def _tell(what: str, context: StepContext) -> None:
    folder, host = _here()
    line = json.dumps({"host": host, "what": what, "key": _key(context), "saga": str(context.saga_id)})
    file = os.open(folder / "told", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, f"{line}\n".encode())  # one small write: lines of several processes never mix
    finally:
        os.close(file)


def _row(context: StepContext) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO model_effect (saga_id, step, direction, key) VALUES (%s, %s, %s, %s)",
            [context.saga_id, context.step, context.direction, context.idempotency_key],
        )


@performs(write_down)
def do_write_down(command: Errand, context: StepContext) -> None:
    _row(context)


@performs(strike_out)
def do_strike_out(command: Errand, context: StepContext) -> None:
    _row(context)


@performs(buy)
def do_buy(command: Errand, context: StepContext) -> Bought:
    folder, host = _here()
    _tell("arrived", context)
    stop_at = time.monotonic() + HELD_AT_MOST
    while (folder / f"hold-{host}").exists() and time.monotonic() < stop_at:
        time.sleep(0.02)  # the test says when it goes on
    try:
        (folder / "effect" / _key(context)).touch(exist_ok=False)
        _tell("acted", context)
    except FileExistsError:
        _tell("repeated", context)
    return Bought(receipt=_key(context))


@do_buy.look_up
def find_bought(command: Errand, context: StepContext) -> Bought | None:
    key = _key(context)
    return Bought(receipt=key) if (_here()[0] / "effect" / key).exists() else None


@do_buy.cancel_by_key
def refuse_buying(command: Errand, context: StepContext) -> Bought | None:
    key = _key(context)
    return Bought(receipt=key) if (_here()[0] / "effect" / key).exists() else None


@performs(give_back)
def do_give_back(command: Bought, context: StepContext) -> None:
    _row(context)


@performs(tell)
def do_tell(command: Errand, context: StepContext) -> None:
    _row(context)
