"""Faults by script: what a sandbox does to the calls of one card, service or whatever else its requests name."""

from __future__ import annotations

from dataclasses import dataclass

from orchestration.providers.sandbox.answers import Answer, Refusal

HANGS = 1e9
"""Delay of an answer that no client waits for."""

SLOW_SECONDS = 1.5
"""Long enough to be seen on screen, shorter than every client timeout."""

ALWAYS = 2**31
"""More failures than anybody retries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """How calls go wrong. "Acting" means having an effect."""

    failures_before_acting: int = 0
    """So many calls of each key are answered 503 and do nothing."""
    first_answer_hangs: bool = False
    """The first call of each key acts, and its answer comes later than any client waits."""
    first_answer_fails: bool = False
    """The first call of each key acts, and is answered 500."""
    is_slow: bool = False
    """Answers after `SLOW_SECONDS`."""

    def before_acting(self, calls_before: int) -> None:
        """Refuse a call that comes while the provider is down.

        Raises:
            Refusal: nothing was done; the next call of this key may be answered otherwise.
        """
        if calls_before < self.failures_before_acting:
            raise Refusal(503, "unavailable", "Down for the moment; nothing was done.", is_definite=False)

    def applied_to(self, answer: Answer, *, made_effect: bool) -> Answer:
        """Return what becomes of a good answer: late, or an error although the effect was made."""
        if made_effect and self.first_answer_hangs:
            return Answer(answer.status, answer.body, HANGS)
        if made_effect and self.first_answer_fails:
            return Answer(500, {"error": {"code": "internal", "message": "Something went wrong."}})
        return Answer(answer.status, answer.body, SLOW_SECONDS) if self.is_slow else answer
