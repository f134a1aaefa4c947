"""How attempts end in the toy: what a participant may answer, and what of it a step of its kind can."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from orchestration.core.definition.saga_definition import SagaDefinition
from orchestration.core.planning.canvas import Call
from orchestration.core.planning.states import Direction


class Answer(Enum):
    """How one attempt ends."""

    OK = "it acts"
    RIGHT = "it acts, with the other result"
    REJECTED = "a no"
    FAILED = "given up, nothing has happened"
    FAILED_ACTED = "given up unheard, and it has acted"
    FAILED_UNHEARD = "given up unheard, nothing has happened"
    RETRY = "later"
    LOST_ACTED = "it acts, and the answer is lost"
    LOST = "no answer, nothing has happened"
    DIES_BEFORE = "its worker dies before the effect"
    DIES_AFTER = "its worker dies after the effect"


@dataclass
class Flight:
    """An attempt under way."""

    call: Call
    answer: Answer


ACTS = frozenset({Answer.OK, Answer.RIGHT, Answer.FAILED_ACTED, Answer.LOST_ACTED, Answer.DIES_AFTER})
"""Those that leave an effect behind."""
_OF_LOCAL = {
    Answer.FAILED_ACTED: Answer.FAILED,
    Answer.FAILED_UNHEARD: Answer.FAILED,
    Answer.LOST_ACTED: Answer.RETRY,
    Answer.LOST: Answer.RETRY,
    Answer.DIES_AFTER: Answer.DIES_BEFORE,
}
"""A local step's effect goes with its record, so nobody can be in doubt about it."""


def possible(definition: SagaDefinition, flight: Flight, effects: list[tuple[str, Direction]]) -> Answer:
    """What an attempt can answer: a look-up finds what was done, and past the pivot nobody gives up."""
    key, answer = (flight.call.step, flight.call.direction), flight.answer
    if not definition.reference(flight.call.step, flight.call.direction.value).is_external:
        answer = _OF_LOCAL.get(answer, answer)
    elif key in effects and answer in (Answer.REJECTED, Answer.FAILED):
        answer = Answer.OK
    never_given_up = flight.call.step in definition.after_pivot | definition.closing
    return Answer.RETRY if never_given_up and answer.name.startswith("FAILED") else answer
