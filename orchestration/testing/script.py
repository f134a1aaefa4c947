"""Faults by script: which step fails, is rejected, loses its answer, or answers what, and how often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

from orchestration.core.definition.arguments import is_name, is_whole, shown
from orchestration.core.definition.outcome import NotNeeded
from orchestration.core.definition.references import Message
from orchestration.core.planning.context import StepContext
from orchestration.engine.steps.participants import Participant, everyone, participant_for
from orchestration.errors import OutcomeUnknown, StepRejected

Times = str | Iterable[str] | Mapping[str, int]
"""One task name, several, or a task name -> how many of its first calls are hit. Without a number: every call."""

ALWAYS = 1_000_000


class Boom(Exception):
    """What a scripted failure raises: an error the engine does not know."""


@dataclass
class Script:
    """What happens to calls, by task name (`payments.capture`, `payments.refund`)."""

    fail_at: Times = ()
    """Raises an unexpected error instead of acting."""
    reject_at: Times = ()
    """Raises StepRejected instead of acting."""
    lose_answer_at: Times = ()
    """Acts, then raises OutcomeUnknown: the answer is lost on its way."""
    answers: Mapping[str, Message | NotNeeded] = field(default_factory=dict)
    """Returns this instead of acting."""
    calls: list[tuple[str, str, int]] = field(default_factory=list)
    """Every call made: task, direction, attempt."""

    def __post_init__(self) -> None:
        self._left = {
            kind: Counter(_times(getattr(self, kind))) for kind in ("fail_at", "reject_at", "lose_answer_at")
        }

    def act(self, participant: Participant, command: Any, context: StepContext) -> Any:
        """Stand in for a participant's function."""
        task = participant.reference.task
        self.calls.append((task, context.direction, context.attempt))
        if self._hits("fail_at", task):
            raise Boom(f"{task} fails by script")
        if self._hits("reject_at", task):
            raise StepRejected(f"{task} says no by script", code="scripted")
        result = self.answers[task] if task in self.answers else participant.act(command, context)
        if self._hits("lose_answer_at", task):
            raise OutcomeUnknown(f"{task} lost its answer by script")
        return result

    def _hits(self, kind: str, task: str) -> bool:
        left = self._left[kind]
        if left[task] <= 0:
            return False
        left[task] -= 1
        return True


@contextmanager
def scripted(script: Script) -> Iterator[Script]:
    """Put a script between the engine and every participant of this process."""
    with mock.patch.object(
        Participant, "perform_action", lambda self, command, context: script.act(self, command, context)
    ):
        yield script


def check_names(script: Script) -> None:
    """Refuse a script that names a task nobody performs, or answers what no task gives: it would test nothing that can happen.

    Raises:
        ValueError: naming the tasks.
        TypeError: an answer is not what its task gives.
    """
    if not isinstance(script.answers, Mapping):
        raise TypeError(
            f"answers={shown(script.answers)}: write a task name and what it returns, such as {{'payments.capture': Captured(...)}}"
        )
    named = {n for kind in ("fail_at", "reject_at", "lose_answer_at") for n in _times(getattr(script, kind))}
    unknown = sorted((named | set(script.answers)) - set(everyone()))
    if unknown:
        raise ValueError(
            f"no participant performs {', '.join(unknown)}; use task names, such as 'payments.capture'"
        )
    for task, answer in script.answers.items():
        performer = participant_for(task)
        if performer is not None and not isinstance(answer, NotNeeded):
            performer.check_result(answer)


def _times(given: Any) -> dict[str, int]:
    if isinstance(given, str):
        return {given: ALWAYS}
    if isinstance(given, Mapping):
        counts = dict(given)
    elif isinstance(given, Iterable):
        counts = dict.fromkeys(given, ALWAYS)
    else:
        counts = {"": 0}
    for task, count in counts.items():
        if not (is_name(task) and is_whole(count) and count >= 1):
            named = shown(task) if count == ALWAYS else f"{shown(task)}: {shown(count)}"
            told = named if task else shown(given)
            raise TypeError(
                f"a fault is {told}; write a task name, several, or how often by name: {{'payments.capture': 2}}"
            )
    return counts
