"""The states of sagas and steps, said once. The database has the same lists as constraints; a test holds them together.

accepted ──► running ◄──► waiting       (accepted may also go straight to waiting or completed)
   │            │  │         │
   │            │  └─► completed
   └────────────┴────────────┴──► compensating ──► compensated | failed | cancelled
                                      ▲  │
                                      │  ▼
                                  undo_failed      (a person decides)

A step's row, in one direction and generation:

pending ──► running ──► done | not_needed | rejected | failed | absent
   ▲         │  │ ▲
   │         │  │ └─────────────── when due ───────────────┐
   │         │  └──► waiting (a retry) | unknown (looked up first)
   └─────────┘ given back, or the lease is over

unknown ──► done | absent (settled)             failed, rejected ──► pending | skipped | done (a person)
waiting ──► done (a wait: the event came)       absent, failed, rejected ──► done | unknown (turned up late)
"""

from __future__ import annotations

from enum import StrEnum


class SagaState(StrEnum):
    """Where a saga stands. Paused is a flag beside it, not a state."""

    ACCEPTED = "accepted"
    """Stored; no step has been recorded yet."""
    RUNNING = "running"
    """Going forward."""
    WAITING = "waiting"
    """Resting until an event comes."""
    COMPENSATING = "compensating"
    """Being undone, or running what follows undo."""
    COMPLETED = "completed"
    """Ended as intended."""
    COMPENSATED = "compensated"
    """Failed, and everything is undone, or left standing by a decision."""
    FAILED = "failed"
    """Failed with nothing to undo."""
    CANCELLED = "cancelled"
    """Asked to stop, and everything is undone, or left standing by a decision."""
    UNDO_FAILED = "undo_failed"
    """An undo failed for good: an incident is open and a person must decide."""


TRANSITIONS: dict[SagaState, frozenset[SagaState]] = {
    SagaState.ACCEPTED: frozenset(
        {SagaState.RUNNING, SagaState.WAITING, SagaState.COMPENSATING, SagaState.COMPLETED}
    ),
    SagaState.RUNNING: frozenset({SagaState.WAITING, SagaState.COMPLETED, SagaState.COMPENSATING}),
    SagaState.WAITING: frozenset({SagaState.RUNNING, SagaState.COMPENSATING}),
    SagaState.COMPENSATING: frozenset(
        {SagaState.COMPENSATED, SagaState.FAILED, SagaState.CANCELLED, SagaState.UNDO_FAILED}
    ),
    SagaState.UNDO_FAILED: frozenset({SagaState.COMPENSATING}),
    SagaState.COMPLETED: frozenset(),
    SagaState.COMPENSATED: frozenset(),
    SagaState.FAILED: frozenset(),
    SagaState.CANCELLED: frozenset(),
}
"""From each state, the states it may go to. Nothing leaves a terminal state."""

TERMINAL = frozenset(state for state, following in TRANSITIONS.items() if not following)
FORWARD_STATES = frozenset({SagaState.ACCEPTED, SagaState.RUNNING, SagaState.WAITING})
"""States in which forward steps may be claimed and recorded."""
UNDONE_STATES = TERMINAL - {SagaState.COMPLETED}
"""Endings of a saga that was undone: an effect that turns up afterwards is undone as well."""


class Direction(StrEnum):
    """Which way a row of a step goes."""

    FORWARD = "forward"
    UNDO = "undo"
    AFTER_UNDO = "after_undo"


class StepState(StrEnum):
    """Where one step stands, in one direction."""

    PENDING = "pending"
    """Sent, not yet claimed."""
    RUNNING = "running"
    """Claimed under a lease. With the lease over, an external step's outcome is unknown."""
    WAITING = "waiting"
    """Resting until `due_at`: a retry after a failure without effect, or a wait for an event."""
    UNKNOWN = "unknown"
    """Acted, perhaps: no definite answer. Looked up before anything else."""
    DONE = "done"
    """The effect exists and its result is recorded."""
    REJECTED = "rejected"
    """A business "no"; no effect."""
    FAILED = "failed"
    """Given up; what it left behind, if anything, is settled before undo."""
    NOT_NEEDED = "not_needed"
    """An undo that had nothing to do."""
    SKIPPED = "skipped"
    """An undo, or a step after undo, that a person has decided to leave out: what it would have mended stays."""
    ABSENT = "absent"
    """Settled: the action has no effect, and never will."""


STEP_TRANSITIONS: dict[StepState, frozenset[StepState]] = {
    StepState.PENDING: frozenset(
        {
            StepState.PENDING,  # sent again
            StepState.RUNNING,
            StepState.DONE,  # a person says so
            StepState.ABSENT,
            StepState.SKIPPED,
            StepState.UNKNOWN,  # an earlier attempt is looked up
        }
    ),
    StepState.RUNNING: frozenset(set(StepState)),
    StepState.WAITING: frozenset(
        {
            StepState.RUNNING,
            StepState.PENDING,
            StepState.DONE,  # the event has come; or a person says so
            StepState.ABSENT,
            StepState.SKIPPED,
            StepState.UNKNOWN,
        }
    ),
    StepState.UNKNOWN: frozenset(
        {
            StepState.RUNNING,
            StepState.PENDING,
            StepState.DONE,
            StepState.ABSENT,
            StepState.SKIPPED,
            StepState.UNKNOWN,
        }
    ),
    StepState.FAILED: frozenset(
        {
            StepState.PENDING,
            StepState.DONE,
            StepState.ABSENT,
            StepState.SKIPPED,
            StepState.UNKNOWN,
            StepState.FAILED,
        }
    ),
    StepState.REJECTED: frozenset({StepState.PENDING, StepState.DONE, StepState.SKIPPED, StepState.UNKNOWN}),
    # An effect turns up late.
    StepState.ABSENT: frozenset({StepState.DONE, StepState.UNKNOWN}),
    StepState.DONE: frozenset(),
    StepState.NOT_NEEDED: frozenset(),
    StepState.SKIPPED: frozenset(),
}
"""From each state of a step's row, the states it may go to. A step that is done anew gets another row, of the next generation."""

ENDED_STEP_STATES = frozenset(
    {
        StepState.DONE,
        StepState.REJECTED,
        StepState.FAILED,
        StepState.NOT_NEEDED,
        StepState.SKIPPED,
        StepState.ABSENT,
    }
)
"""States of a step to which an entry of the history belongs that has ended it."""

FINISHED = frozenset({StepState.DONE, StepState.NOT_NEEDED, StepState.SKIPPED})
"""States of a step that let what follows it start."""
