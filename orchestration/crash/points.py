"""Named places where a process may die, be frozen or lose its database: no-ops, unless the environment arms some.

Two ways to arm. `ORDERLY_CRASH=POINT:MODE[:DIRECTION[:STEP]]` with `ORDERLY_CRASH_EVIDENCE=FILE`: the first process to
arrive there, whatever it works on. `ORDERLY_CRASH_FOLDER=FOLDER`: a file `NAME.json` in it arms a point for one saga, named
by its id, business key or reference. Either happens once, however many processes are armed: the first leaves the evidence.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from orchestration.crash.modes import MODES, CrashHere, backend_of_connection, crash

__all__ = ["MODES", "POINTS", "Armed", "CrashHere", "CrashPoint", "Listener", "listening", "parse", "reach"]


class CrashPoint(StrEnum):
    """Each point by its name; the number is what commands and documents call it."""

    START_COMMITTING = "K1"
    START_COMMITTED = "K2"
    OUTBOX_CLAIMED = "K3"
    OUTBOX_PUBLISHED = "K4"
    OUTBOX_MARKING = "K5"
    MESSAGE_RECEIVED = "K6"
    CLAIM_COMMITTED = "K7"
    EFFECT_DONE = "K8"
    RESULT_COMMITTING = "K9"
    RESULT_COMMITTED = "K10"
    BRANCH_COMMITTED = "K11"
    NEXT_DECIDED = "K12"
    UNDO_CLAIMED = "K13"
    UNDO_EFFECT_DONE = "K14"
    BETWEEN_UNDOS = "K15"
    DUE_PICKED = "K16"
    DUE_COMMITTING = "K17"
    WEBHOOK_STORED = "K18"
    WEBHOOK_ANSWERED = "K19"
    DECISION_COMMITTED = "K20"
    TIMER_FIRED = "K21"


POINTS: dict[str, str] = {
    CrashPoint.START_COMMITTING: "order, saga and outbox row written, before commit",
    CrashPoint.START_COMMITTED: "order committed, before the answer",
    CrashPoint.OUTBOX_CLAIMED: "relay: messages claimed, before publishing",
    CrashPoint.OUTBOX_PUBLISHED: "relay: published, before marking as sent",
    CrashPoint.OUTBOX_MARKING: "relay: marked as sent, before commit",
    CrashPoint.MESSAGE_RECEIVED: "worker: message received, before the claim or the look",
    CrashPoint.CLAIM_COMMITTED: "claim committed (of a quick local step: looked at), before the effect",
    CrashPoint.EFFECT_DONE: "effect done, before the result is committed",
    CrashPoint.RESULT_COMMITTING: "while the result is being committed",
    CrashPoint.RESULT_COMMITTED: "result committed, before the message is acknowledged",
    CrashPoint.BRANCH_COMMITTED: "a parallel branch committed, before the join is counted",
    CrashPoint.NEXT_DECIDED: "join decided and committed, before the next message is sent",
    CrashPoint.UNDO_CLAIMED: "undo claimed, before its effect",
    CrashPoint.UNDO_EFFECT_DONE: "undo's effect done, before its result is committed",
    CrashPoint.BETWEEN_UNDOS: "between two undos",
    CrashPoint.DUE_PICKED: "sweep: due sagas picked, before they are looked at",
    CrashPoint.DUE_COMMITTING: "sweep: rows made due again, before commit",
    CrashPoint.WEBHOOK_STORED: "webhook stored, before it is answered",
    CrashPoint.WEBHOOK_ANSWERED: "webhook answered, before the event is applied",
    CrashPoint.DECISION_COMMITTED: "a person's decision committed, before anybody is woken",
    CrashPoint.TIMER_FIRED: "a timer has fired, before its transition is committed",
}
"""Every point, and where it stands."""

COMMITS = frozenset({CrashPoint.OUTBOX_MARKING, CrashPoint.RESULT_COMMITTING, CrashPoint.DUE_COMMITTING})
"""Points just before a commit that are reached again just after it (`committed`): there a commit can be ambiguous."""


@dataclass(frozen=True, slots=True)
class Armed:
    """One point that is to fail once. `*` stands for any."""

    point: str
    mode: str
    direction: str = "*"
    step: str = "*"
    evidence: str = ""
    """The file that the first process to arrive creates."""
    place: str = "*"
    """Which thread: `relay`, `heartbeat`, or `elsewhere` (a task, a request, a command)."""
    token: str = ""
    """Stands in the error of `raise` and `ambiguous`, so that a log can be searched for it."""

    def matches(self, point: str, direction: str, step: str, committed: bool) -> bool:
        """Whether this arrival is the one meant: an ambiguous commit has happened, and every other crash comes before it."""
        return (
            point == self.point
            and (point not in COMMITS or committed == (self.mode == "ambiguous"))
            and self.direction in ("*", direction or "*")
            and self.step in ("*", step or "*")
            and self.place in ("*", _place())
        )


def parse(text: str, evidence: str = "") -> Armed:
    """Read `POINT:MODE[:DIRECTION[:STEP]]`.

    Raises:
        ValueError: no such point or mode; the message lists them.
    """
    point, _, rest = text.partition(":")
    mode, _, rest = rest.partition(":")
    direction, _, step = rest.partition(":")
    if point not in POINTS or mode not in MODES:
        raise ValueError(
            f"{text!r} is not POINT:MODE[:DIRECTION[:STEP]]; points: {', '.join(POINTS)}; modes: {', '.join(MODES)}"
        )
    return Armed(point, mode, direction or "*", step or "*", evidence)


Listener = Callable[[str, str, str], None]
"""Called with point, direction and step: how a test steps in between without a process of its own."""

_listener: Listener | None = None
_armed: Armed | None = (
    parse(os.environ["ORDERLY_CRASH"], os.environ.get("ORDERLY_CRASH_EVIDENCE", ""))
    if os.environ.get("ORDERLY_CRASH")
    else None
)
_folder: Path | None = (
    Path(os.environ["ORDERLY_CRASH_FOLDER"]) if os.environ.get("ORDERLY_CRASH_FOLDER") else None
)


@contextlib.contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Have `listener` called at each point of this process within the block."""
    global _listener
    before, _listener = _listener, listener
    try:
        yield
    finally:
        _listener = before


def reach(
    point: CrashPoint,
    *,
    about: Iterable[object] = (),
    direction: str = "",
    step: str = "",
    committed: bool = False,
) -> None:
    """Say that a point is reached. Does nothing unless a crash is armed there or a test listens.

    Args:
        point: which one.
        about: names of the sagas it is about: ids, business keys or references.
        direction: which way the step or the saga goes.
        step: name of the step.
        committed: the second arrival at one of COMMITS, just after its commit.
    """
    if _listener is not None and not committed:
        _listener(point, direction, step)
    if _armed is not None and _armed.matches(point, direction, step, committed) and _is_first(_armed):
        crash(_armed.mode, _armed.token or _armed.point)
    if _folder is not None:
        for armed in _armed_for(_folder, [str(name) for name in about]):
            _trace(armed, point=point, direction=direction, step=step, committed=committed)
            if armed.matches(point, direction, step, committed) and _is_first(armed):
                crash(armed.mode, armed.token)
                _trace(armed, point="went on", direction="", step="", committed=False)


def arm(folder: Path, names: Iterable[object], armed: Armed) -> None:
    """Arm a point for the saga of these names; processes with ORDERLY_CRASH_FOLDER obey from now on."""
    for name in names:
        unfinished = folder / f".{name}.{os.getpid()}.{threading.get_ident()}"
        unfinished.write_text(json.dumps(asdict(armed)))
        unfinished.replace(folder / f"{name}.json")


def _armed_for(folder: Path, names: list[str]) -> list[Armed]:
    """What is armed for these names. One saga's other names are armed with it, before anybody else can know them."""
    found: dict[str, Armed] = {}
    for name in names:
        with contextlib.suppress(OSError):
            armed = Armed(**json.loads((folder / f"{name}.json").read_text()))
            found[armed.evidence] = armed
    for armed in found.values():
        if len(found) == 1 and armed.point in (
            CrashPoint.START_COMMITTING,
            CrashPoint.START_COMMITTED,
            CrashPoint.OUTBOX_CLAIMED,
            CrashPoint.OUTBOX_PUBLISHED,
            CrashPoint.OUTBOX_MARKING,
        ):
            arm(folder, [name for name in names if name and not (folder / f"{name}.json").exists()], armed)
    return list(found.values())


def _place() -> str:
    name = threading.current_thread().name
    return name if name in ("relay", "heartbeat") else "elsewhere"


def _trace(armed: Armed, **arrival: object) -> None:
    """Add an arrival to the file beside the evidence: who worked on this saga, and when."""
    line = json.dumps({"at": time.time(), "pid": os.getpid(), "place": _place(), **arrival}) + "\n"
    file = os.open(f"{armed.evidence}.trace", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, line.encode())  # one small write: lines of several processes never mix
    finally:
        os.close(file)


def _is_first(armed: Armed) -> bool:
    """Whether this is the first arrival of all processes; leaves the evidence of it."""
    facts = {
        "pid": os.getpid(),
        "group": os.getpgrp(),
        "point": armed.point,
        "mode": armed.mode,
        "place": _place(),
        "backend": backend_of_connection() if armed.mode == "cut_db" else None,
        "at": time.time(),
    }
    unfinished = f"{armed.evidence}.{os.getpid()}.{threading.get_ident()}"
    try:
        with open(unfinished, "w") as file:
            json.dump(facts, file)
        os.link(unfinished, armed.evidence)  # fails when it exists, and never shows half a file
    except FileExistsError:
        return False
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(unfinished)
    return True
