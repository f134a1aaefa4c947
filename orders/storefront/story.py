"""The story of an order as its customer reads it: what happened, what is happening now, what comes next.

Pure: same arguments, same story. What comes next is read from the saga's definition; a branch that was not taken, or
about which nothing is decided yet, is not told.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from orchestration.core.definition.nodes import Choice, Node, Parallel, Sequence, Step, Wait
from orchestration.core.definition.saga_definition import SagaDefinition
from orchestration.core.planning.frontier import mirrored
from orchestration.core.planning.states import Direction, SagaState, StepState
from orders.cancel_reasons import reason_for
from orders.storefront import story_notes as notes
from orders.storefront.order_facts import SagaFacts, StepFacts
from orders.timeline import found, in_words, words_of


class EntryState(StrEnum):
    """How an entry stands to the present."""

    PAST = "past"
    NOW = "now"
    NEXT = "next"
    UNDONE = "undone"
    """Something that had happened is taken back."""
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the story."""

    state: EntryState
    words: str
    at: datetime | None = None
    """When it happened; None for what has not."""
    note: str = ""
    """A sentence more; may be empty."""


def tell(
    definition: SagaDefinition | None,
    saga: SagaFacts | None,
    *,
    placed_at: datetime,
    now: datetime,
    candid: bool = False,
) -> list[Entry]:
    """Tell the story: the past in the order in which it happened, then the present, then what follows.

    Args:
        definition: the version the saga was started with; None when no code knows it any more (nothing is next then).
        saga: its rows; None when there are none.
        placed_at: when the customer ordered.
        now: the moment at which it is told.
        candid: also say what a customer need not know, such as that a worker died.
    """
    told = [Entry(state=EntryState.PAST, words="Order placed", at=placed_at)]
    if saga is None:
        return told
    teller = _Teller(definition, saga, now, candid)
    told += sorted(teller.past(), key=lambda entry: entry.at or now)
    if saga.has_ended:
        return told
    return [*told, *teller.present(), *teller.future()]


class _Teller:
    def __init__(
        self, definition: SagaDefinition | None, saga: SagaFacts, now: datetime, candid: bool
    ) -> None:
        self.definition, self.saga, self.now, self.candid = definition, saga, now, candid

    def past(self) -> Iterator[Entry]:
        """What is recorded, in the order of the records."""
        for row in sorted(self.saga.steps, key=lambda row: row.seq or 1_000_000):
            if row.state is StepState.DONE:
                yield self._happened(row)
            elif row.state is StepState.SKIPPED:
                yield self._left(row)
            elif row.is_given_up:
                yield self._given_up(row)
        if (turned := self._turned()) is not None:
            yield turned

    def present(self) -> Iterator[Entry]:
        """What is at work, or awaited, or holds it up."""
        if self.saga.paused:
            yield Entry(state=EntryState.NOW, words="On hold", note=notes.PAUSED)
            return
        if self.saga.state is SagaState.UNDO_FAILED:
            yield Entry(state=EntryState.NOW, words="A person is looking at it", note=notes.PERSON)
            return
        at_work = [name for name, is_reached in self._unfinished() if is_reached]
        if self.saga.is_turned:
            yield from self._barrier()
        for name in dict.fromkeys(at_work):
            row = self.saga.row(name, self._direction(name))
            yield Entry(
                state=EntryState.NOW,
                words=self._words(name, "undoing", "under_way"),
                note=notes.present(row, self.now, candid=self.candid),
            )

    def future(self) -> Iterator[Entry]:
        """What follows if all goes well."""
        # Held up, it has begun nothing of what it has reached.
        held = self.saga.paused or self.saga.state is SagaState.UNDO_FAILED
        for name, is_reached in self._unfinished():
            if held or not is_reached:
                yield Entry(state=EntryState.NEXT, words=self._words(name, "to_undo", "ahead"))

    def _happened(self, row: StepFacts) -> Entry:
        note = notes.past(row, candid=self.candid)
        words = words_of(row.name)
        if row.direction is not Direction.UNDO:
            said = found(row.name, row.result_type, row.result)
            return Entry(state=EntryState.PAST, words=said, at=row.ended_at, note=note)
        forward = self.saga.row(row.name)
        never_held = forward is not None and forward.result_type == "BackOrdered"
        if never_held and not self.saga.is_done("shipping.stock_reserved"):
            return Entry(
                state=EntryState.UNDONE, words="Taken off the waiting list", at=row.ended_at, note=note
            )
        return Entry(state=EntryState.UNDONE, words=words.undone or words.done, at=row.ended_at, note=note)

    def _left(self, row: StepFacts) -> Entry:
        """A person has decided that it is not done."""
        said = in_words(name=row.name, direction=row.direction.value, state=row.state.value)
        return Entry(state=EntryState.PAST, words=said, at=row.ended_at, note=notes.BY_HAND)

    def _given_up(self, row: StepFacts) -> Entry:
        words = words_of(row.name)
        if row.direction is Direction.UNDO:
            return Entry(
                state=EntryState.PROBLEM, words=words.stuck or words.done, at=row.ended_at, note=notes.STUCK
            )
        refused = row.state is StepState.REJECTED and words.refused
        failure = self.saga.failure
        is_cause = failure is not None and failure.step == row.name
        # After the point of no return nothing is undone: somebody mends it and it goes on.
        note = reason_for(failure) if is_cause else "" if self.saga.is_turned else notes.PERSON
        said = refused or f"{words.under_way} did not work"
        return Entry(state=EntryState.PROBLEM, words=said, at=row.ended_at, note=note)

    def _turned(self) -> Entry | None:
        """Why it was undone, where no step says so."""
        failure = self.saga.failure
        if failure is None or not self.saga.is_turned:
            return None
        row = self.saga.row(failure.step) if failure.step else None
        if row is not None and row.is_given_up:
            return None
        if failure.kind == "cancel":
            return Entry(state=EntryState.PAST, words="Cancellation requested", at=self.saga.turned_at)
        return Entry(
            state=EntryState.PROBLEM,
            words="The order cannot go on",
            at=self.saga.turned_at,
            note=reason_for(failure),
        )

    def _barrier(self) -> Iterator[Entry]:
        """Steps that were at work when it turned round: nothing is undone before they have ended."""
        for row in self.saga.going(Direction.FORWARD):
            if row.state in (StepState.RUNNING, StepState.UNKNOWN):
                yield Entry(
                    state=EntryState.NOW, words=words_of(row.name).under_way, note=notes.FINISHED_FIRST
                )

    def _unfinished(self) -> Iterator[tuple[str, bool]]:
        """Names of steps and waits that are not finished, in order, and whether the saga has reached them."""
        if self.definition is None:
            return
        is_reached = True
        for root, direction in self._roots(self.definition):
            found = list(self._walk(root, direction, is_reached))
            yield from found
            is_reached = is_reached and not found

    def _roots(self, definition: SagaDefinition) -> Iterator[tuple[Node, Direction]]:
        if not self.saga.is_turned:
            yield definition.flow, Direction.FORWARD
            return
        backward = mirrored(definition.flow, self.saga.needs_undo)
        if backward is not None:
            yield backward, Direction.UNDO
        if definition.after_undo is not None:
            yield definition.after_undo, Direction.AFTER_UNDO

    def _walk(self, node: Node, direction: Direction, is_reached: bool) -> Iterator[tuple[str, bool]]:
        match node:
            case Sequence():
                for part in node.nodes:
                    found = list(self._walk(part, direction, is_reached))
                    yield from found
                    is_reached = is_reached and not found
            case Parallel():
                for branch in node.branches:
                    yield from self._walk(branch, direction, is_reached)
            case Choice():
                decided = self.saga.row(node.on)
                branch_taken = node.branch_for(decided.result_type) if decided is not None else None
                if branch_taken is not None:
                    yield from self._walk(branch_taken, direction, is_reached)
            case Step() | Wait():
                row = self.saga.row(node.name, direction)
                if row is None or not (row.is_finished or row.is_given_up):
                    yield node.name, is_reached

    def _direction(self, name: str) -> Direction:
        if not self.saga.is_turned:
            return Direction.FORWARD
        closing = self.definition.closing if self.definition is not None else frozenset()
        return Direction.AFTER_UNDO if name in closing else Direction.UNDO

    def _words(self, name: str, backward: str, forward: str) -> str:
        words = words_of(name)
        is_undo = self._direction(name) is Direction.UNDO
        return (is_undo and getattr(words, backward)) or str(getattr(words, forward))
