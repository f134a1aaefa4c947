"""What has become of the effect of each step. Said once: every page, mail, answer and check asks here. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from orchestration.core.planning.states import Direction, StepState

States = Mapping[tuple[str, str], str]
"""State of the newest row of each step, by name and direction."""


class Effect(StrEnum):
    """What has become of the effect of one step."""

    NONE = "none"
    """There is none that is known of."""
    STANDS = "stands"
    """It is there, and nothing has been done about it yet."""
    UNDONE = "undone"
    """It was undone, or its undo found nothing left to do."""
    STUCK = "stuck"
    """Its undo was given up: a person must decide."""
    KEPT = "kept"
    """A person has decided that its undo is left out: it stays."""


@dataclass(frozen=True, slots=True)
class Kept:
    """The effect of one step that stays, because a person left its undo out."""

    step: str
    gave: Mapping[str, Any] = field(default_factory=dict)
    """The fields of what the step gave."""


def effect_of(states: States, step: str) -> Effect:
    """Say what has become of the effect of a step."""
    if states.get((step, Direction.FORWARD.value)) != StepState.DONE:
        return Effect.NONE
    match states.get((step, Direction.UNDO.value)):
        case StepState.DONE | StepState.NOT_NEEDED:
            return Effect.UNDONE
        case StepState.SKIPPED:
            return Effect.KEPT
        case StepState.REJECTED | StepState.FAILED:
            return Effect.STUCK
        case _:
            return Effect.STANDS


def kept_steps(states: States) -> tuple[str, ...]:
    """Return the names of the steps whose effect stays by a person's decision, in order."""
    steps = {step for step, direction in states if direction == Direction.UNDO.value}
    return tuple(sorted(step for step in steps if effect_of(states, step) is Effect.KEPT))


def left_out_steps(states: States) -> tuple[str, ...]:
    """Return the names of the steps, forward or after undo, that a person has left out, in order."""
    return tuple(
        sorted(
            step
            for (step, direction), state in states.items()
            if direction != Direction.UNDO.value and state == StepState.SKIPPED
        )
    )
