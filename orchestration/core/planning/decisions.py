"""What the planning core may answer. Values only; the shell carries them out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from orchestration.core.definition.nodes import Wait
from orchestration.core.planning.canvas import Canvas
from orchestration.core.planning.kinds import IncidentKind
from orchestration.core.planning.states import SagaState


@dataclass(frozen=True, slots=True)
class Send:
    """Send these; look again at `until` in case something else is due before they knock."""

    canvases: tuple[Canvas, ...]
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Settle:
    """Find out what became of these steps' unknown outcomes; undo waits for it."""

    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing to do until a message, an event, or `until`."""

    until: datetime | None
    waiting: bool = False
    """Whether it rests in a wait for an event, and nothing else is under way."""


@dataclass(frozen=True, slots=True)
class OpenWait:
    """The flow has reached this wait."""

    wait: Wait


@dataclass(frozen=True, slots=True)
class BeginUndo:
    """Turn round. `kind` says why; `step` where."""

    kind: str
    step: str | None


@dataclass(frozen=True, slots=True)
class SettleAbsent:
    """Local steps whose worker is gone: their transaction never committed, so nothing has happened."""

    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Escalate:
    """Only a person can help; `step` names where. The saga keeps its state and rests."""

    step: str
    kind: IncidentKind


@dataclass(frozen=True, slots=True)
class Finish:
    """End in this state."""

    state: SagaState


Plan = Send | Settle | Rest | OpenWait | BeginUndo | SettleAbsent | Escalate | Finish
