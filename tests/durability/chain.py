"""A → B → C → D for the undo scenarios: external steps at one provider, in five shapes."""

from __future__ import annotations

from typing import Any

from orchestration import (
    Message,
    StepContext,
    StepReference,
    days,
    external,
    give_up,
    hours,
    parallel,
    saga,
    step,
    wait_for,
)
from orchestration.core.planning.context import Failure
from orchestration.participant import performs
from tests.durability.provider import Provider

provider = Provider()
seen_by_undo: list[Failure | None] = []
"""What each undo was told of the failure."""


class Go(Message):
    """What a saga of this kind is started with, and what its event brings."""

    name: str = "Ada"


class Done(Message):
    """What each step gives."""

    key: str


def _pair(letter: str) -> tuple[StepReference, StepReference]:
    forward = external(f"chain.{letter}", takes=Go, gives=Done)
    backward = external(f"chain.un{letter}", takes=Done)
    participant = performs(forward)(_do)
    participant.look_up(_find)
    participant.cancel_by_key(_refuse)
    performs(backward)(_undo)
    return forward, backward


def _do(command: Go, context: StepContext) -> Done:
    return Done(key=provider.act(context))


def _find(command: Go, context: StepContext) -> Done | None:
    key = provider.find(context)
    return Done(key=key) if key else None


def _refuse(command: Go, context: StepContext) -> Done | None:
    key = provider.refuse(context)
    return Done(key=key) if key else None


def _undo(command: Done, context: StepContext) -> None:
    seen_by_undo.append(context.failure)
    provider.act(context)


(a, un_a), (b, un_b), (c, un_c), (d, un_d) = (_pair(letter) for letter in "abcd")
A, B, C, D = (step(do, undo=undo) for do, undo in ((a, un_a), (b, un_b), (c, un_c), (d, un_d)))

_any: dict[str, Any] = {"version": 1, "input": Go}
straight = saga("chain.straight", flow=A | B | C | D, deadline=hours(1), **_any)
stopping = saga("chain.stopping", flow=A | B | C | D, undo_policy="stop", **_any)
forked = saga("chain.forked", flow=A | parallel(B, C) | D, **_any)
waiting = saga(
    "chain.waiting", flow=A | B | wait_for("chain.go", within=days(1), otherwise=give_up) | C, **_any
)
pivoted = saga("chain.pivoted", flow=A | B | step(c, pivot=True) | step(d), **_any)


def effects(direction: str = "forward") -> str:
    """The letters of the steps that took effect, in their order: `abc`."""
    found = sorted(provider.effects.values(), key=lambda effect: effect.number)
    return "".join(effect.step[-1] for effect in found if effect.direction == direction)
