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
from pathlib import Path

from orchestration.crash.modes import MODES, CrashHere, backend_of_connection, crash

__all__ = ["MODES", "POINTS", "Armed", "CrashHere", "Listener", "listening", "parse", "reach"]

POINTS: dict[str, str] = {
    "K1": "order, saga and outbox row written, before commit",
    "K2": "order committed, before the answer",
    "K3": "relay: messages claimed, before publishing",
    "K4": "relay: published, before marking as sent",
    "K5": "relay: marked as sent, before commit",
    "K6": "worker: message received, before the claim or the look",
    "K7": "claim committed (of a quick local step: looked at), before the effect",
    "K8": "effect done, before the result is committed",
    "K9": "while the result is being committed",
    "K10": "result committed, before the message is acknowledged",
    "K11": "a parallel branch committed, before the join is counted",
    "K12": "join decided and committed, before the next message is sent",
    "K13": "undo claimed, before its effect",
    "K14": "undo's effect done, before its result is committed",
    "K15": "between two undos",
    "K16": "sweep: due sagas picked, before they are looked at",
    "K17": "sweep: rows made due again, before commit",
    "K18": "webhook stored, before it is answered",
    "K19": "webhook answered, before the event is applied",
    "K20": "a person's decision committed, before anybody is woken",
    "K21": "a timer has fired, before its transition is committed",
}
"""Every point, and where it stands."""

COMMITS = frozenset({"K5", "K9", "K17"})
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
    point: str,
    *,
    about: Iterable[object] = (),
    direction: str = "",
    step: str = "",
    committed: bool = False,
) -> None:
    """Say that a point is reached. Does nothing unless a crash is armed there or a test listens.

    Args:
        point: one of POINTS.
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
        if len(found) == 1 and armed.point in ("K1", "K2", "K3", "K4", "K5"):
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
