"""Sentences put together from parts: punctuation is never doubled, and nothing is left dangling."""

from __future__ import annotations

import re

import pytest

from orchestration.operations.terminal.timeline import details
from orchestration.sentences import clause, explained, joined, sentence

ENDINGS = (
    "No answer (ReadTimeout).",
    "No answer",
    "Sure?",
    "Stop!",
    "cut here…",
    "and so on...",
    "list:",
    "a;",
    "b,",
    "",
    " . ",
    ".",
)
DOUBLED = re.compile(r"[.,;:!?…]\s*[,;:]|[.!?…]\s*\.(?!\.)|^[\s.,;:]|[,;:]\s*$")


def doubled(text: str) -> str | None:
    """Punctuation that stands beside other punctuation, or has nothing beside it."""
    found = DOUBLED.search(text.replace("...", "…"))
    return found[0] if found else None


@pytest.mark.parametrize("one", ENDINGS)
@pytest.mark.parametrize("other", ENDINGS)
def test_parts_are_joined_without_doubled_punctuation(one: str, other: str) -> None:
    closing = other.rstrip(",;: ")
    assert doubled(joined((one, other, "the end"))) is None
    assert doubled(explained(one, closing)) is None
    assert doubled(sentence(explained(one, other))) is None


def test_nothing_is_lost_but_the_stop() -> None:
    assert (
        joined(("No answer (ReadTimeout).", "after 2 s at the earliest"))
        == "No answer (ReadTimeout), after 2 s at the earliest"
    )
    assert joined(("cut here…", "", "attempt 2")) == "cut here… attempt 2"
    assert explained("card_declined", "") == "card_declined"
    assert explained("", "Declined.") == "Declined."
    assert (clause("No answer."), sentence("No answer"), sentence("No answer."), sentence("")) == (
        "No answer",
        "No answer.",
        "No answer.",
        "",
    )


@pytest.mark.parametrize("message", ENDINGS)
@pytest.mark.parametrize("reason", ENDINGS)
def test_an_entry_of_a_history_is_one_sentence(message: str, reason: str) -> None:
    for code in ("", "unreachable"):
        told = details(
            {"message": message, "code": code, "reason": reason, "attempt": 2, "delay": 1.5, "more": 1}
        )
        assert doubled(told.replace('{"more": 1}', "more")) is None, told
