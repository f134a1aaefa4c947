"""Somebody else's system, in memory, with a ledger of its own: every call, every effect, every key it refuses.

It keeps effects by idempotency key, as a real provider does. The ledger is read by `judge`, never by the engine.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from orchestration.core.planning.context import StepContext
from orchestration.errors import OutcomeUnknown, StepRejected, StepRetryable

MODES = ("decline", "busy", "fail", "effect_then_error", "no_answer")
"""How a call may go wrong: a "no", "later", an error, an effect whose answer is lost, nothing at all."""


@dataclass(frozen=True, slots=True)
class Effect:
    """One line of the ledger."""

    number: int
    saga: str
    step: str
    direction: str
    key: str
    at: float = 0.0
    """By the world's clock, in seconds."""


KEYS_KEPT = 86_400.0
"""So long a provider remembers an idempotency key; after that the same key is a new request. A look-up still finds it."""


@dataclass
class Provider:
    """Effects by key. A test says how its next calls go wrong, and may stop a call in the middle."""

    effects: dict[str, Effect] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    calls: Counter[str] = field(default_factory=Counter)
    modes: dict[tuple[str, str], tuple[str, int]] = field(default_factory=dict)
    """(step, direction) -> how it goes wrong, and how many calls more."""
    silent: int = 0
    """So many look-ups more get no answer."""
    reach: Callable[[str, StepContext], None] = lambda point, context: None
    """Called before an effect (`before effect`) and after a look-up (`looked up`): where a worker may be frozen."""
    count: int = 0
    clock: float = 0.0
    """Seconds since the world began."""
    lock: threading.RLock = field(default_factory=threading.RLock)

    def heal(self) -> None:
        """Nothing goes wrong any more."""
        with self.lock:
            self.modes.clear()
            self.silent = 0

    def number(self) -> int:
        """The next number of either ledger: the order in which effects happened."""
        with self.lock:
            self.count += 1
            return self.count

    def trouble(self, context: StepContext) -> str:
        """How this call goes wrong, if it does."""
        with self.lock:
            mode, left = self.modes.get((context.step, context.direction), ("", 0))
            if left > 1:
                self.modes[context.step, context.direction] = (mode, left - 1)
            else:
                self.modes.pop((context.step, context.direction), None)
            return mode

    def act(self, context: StepContext) -> str:
        """Take a call: the effect by its key, once. Returns the key."""
        self.reach("before effect", context)
        mode = self.trouble(context)
        with self.lock:
            self.calls[context.idempotency_key] += 1
            complain(mode)
            if context.idempotency_key in self.refused:
                raise StepRejected("that key was cancelled", code="key_refused")
            key = context.idempotency_key
            known = self.effects.get(key)
            if known is None or self.clock - known.at > KEYS_KEPT:
                number = self.number()
                stored = key if known is None else f"{key} again at {number}"
                self.effects[stored] = Effect(
                    number, str(context.saga_id), context.step, context.direction, key, self.clock
                )
        if mode == "effect_then_error":
            raise OutcomeUnknown("the answer is lost")
        return context.idempotency_key

    def find(self, context: StepContext) -> str | None:
        """Look an effect up by its key."""
        with self.lock:
            self._answer()
            found = context.idempotency_key if context.idempotency_key in self.effects else None
        self.reach("looked up", context)
        return found

    def refuse(self, context: StepContext) -> str | None:
        """Refuse a key from now on; returns the effect if it is too late."""
        with self.lock:
            self._answer()
            self.refused.add(context.idempotency_key)
            found = context.idempotency_key if context.idempotency_key in self.effects else None
        self.reach("looked up", context)
        return found

    def _answer(self) -> None:
        if self.silent > 0:
            self.silent -= 1
            raise OutcomeUnknown("no answer to a look-up")


def complain(mode: str) -> None:
    """Go wrong before any effect."""
    match mode:
        case "decline":
            raise StepRejected("no", code="declined")
        case "busy":
            raise StepRetryable("later")
        case "fail":
            raise ValueError("an error nobody expects")
        case "no_answer":
            raise OutcomeUnknown("nothing heard")
