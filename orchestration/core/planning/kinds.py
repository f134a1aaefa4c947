"""What an entry of a history says, and what an incident is about, each said once. The database has the same lists as constraints."""

from __future__ import annotations

from enum import StrEnum


class HistoryKind(StrEnum):
    """What an entry of a saga's history says."""

    STARTED = "started"
    """The saga was stored."""
    STEP_DONE = "step_done"
    """A forward step, or one after undo, took effect and its result was recorded."""
    STEP_UNDONE = "step_undone"
    """An undo took effect."""
    UNDO_NOT_NEEDED = "undo_not_needed"
    """An undo found nothing to undo."""
    STEP_SKIPPED = "step_skipped"
    """A person decided to leave a step or an undo out."""
    STEP_RETRY = "step_retry"
    """An attempt failed, and another one follows."""
    STEP_POSTPONED = "step_postponed"
    """A step could not be tried: the database was away, or its command could not be built. That was no attempt."""
    STEP_FAILED = "step_failed"
    """A step was given up."""
    STEP_REJECTED = "step_rejected"
    """A step was refused by a business "no"."""
    STEP_OVERRAN = "step_overran"
    """An attempt took longer than its timeout."""
    RETRY_ASKED = "retry_asked"
    """A person had a step that was given up tried again."""
    RETRY_HASTENED = "retry_hastened"
    """A person had a step in back-off tried at once."""
    OUTCOME_SETTLED = "outcome_settled"
    """It became known what a step of unknown outcome had done; or a person said so."""
    OUTCOME_STILL_UNKNOWN = "outcome_still_unknown"
    """The provider was asked what a step had done, and nobody knows yet."""
    SENT_AGAIN = "sent_again"
    """A message was lost, and sent again."""
    LEASE_EXPIRED = "lease_expired"
    """A worker was lost while it held a step, and the step was put back."""
    TIMES_CORRECTED = "times_corrected"
    """Moments that a wrong clock had written were corrected."""
    WAIT_OPENED = "wait_opened"
    """The saga began to wait for an event."""
    WAITING_BEGUN = "waiting_begun"
    """Nothing is left to do until an event comes."""
    RESUMED = "resumed"
    """A waiting saga goes on."""
    EVENT_APPLIED = "event_applied"
    """An event ended a wait."""
    EVENT_IGNORED = "event_ignored"
    """An event came that no wait needed any more."""
    EVENT_MISFIT = "event_misfit"
    """An event that a wait needs did not fit it."""
    EVENT_RESENT = "event_resent"
    """A person had an event sent again."""
    ESCALATED = "escalated"
    """A person was told, and the saga keeps its place."""
    PAUSED = "paused"
    """A person paused the saga."""
    UNPAUSED = "unpaused"
    """A person had the saga go on."""
    UNDO_BEGUN = "undo_begun"
    """The saga was turned round: what it did is undone."""
    UNDO_RESUMED = "undo_resumed"
    """Undo goes on after a person's decision."""
    UNDO_FAILED = "undo_failed"
    """An undo failed for good: a person must decide."""
    ENDED = "ended"
    """The saga came to its end."""
    LATE_RESULT = "late_result"
    """A result came home after its token or its saga had moved on."""
    LATE_FAILURE = "late_failure"
    """A failure came home after its token or its saga had moved on."""

    @property
    def late(self) -> str:
        """How an entry of this kind is stored after the end of its saga, where it tells of an effect that turned up late."""
        return f"late_{self.value}"


MAY_BE_LATE = (
    HistoryKind.STEP_UNDONE,
    HistoryKind.UNDO_NOT_NEEDED,
    HistoryKind.STEP_SKIPPED,
    HistoryKind.STEP_RETRY,
    HistoryKind.STEP_POSTPONED,
    HistoryKind.STEP_FAILED,
    HistoryKind.STEP_REJECTED,
    HistoryKind.RETRY_ASKED,
    HistoryKind.RETRY_HASTENED,
    HistoryKind.OUTCOME_SETTLED,
    HistoryKind.OUTCOME_STILL_UNKNOWN,
    HistoryKind.SENT_AGAIN,
    HistoryKind.LEASE_EXPIRED,
    HistoryKind.STEP_OVERRAN,
    HistoryKind.TIMES_CORRECTED,
)
"""Kinds of entries about an effect that turned up after the end, while it is settled and undone."""

RESCUES = (HistoryKind.SENT_AGAIN, HistoryKind.LEASE_EXPIRED, HistoryKind.TIMES_CORRECTED)
"""Kinds of entries about something that was lost, and put right."""
RESCUE_KINDS = (*(kind.value for kind in RESCUES), *(kind.late for kind in RESCUES))
"""How these are stored."""

HISTORY_KINDS = (*(kind.value for kind in HistoryKind), *(kind.late for kind in MAY_BE_LATE))
"""All that the database takes."""


class IncidentKind(StrEnum):
    """What waits for a person."""

    UNDO_FAILED = "undo_failed"
    """An undo was given up: its effect still exists."""
    STEP_FAILED = "step_failed"
    """A step failed or was refused where there is no way back."""
    STEP_STRUGGLES = "step_struggles"
    """A step fails again and again, and is still retried."""
    EVENT_TIMEOUT = "event_timeout"
    """An event has not come in time."""
    EVENT_SET_ASIDE = "event_set_aside"
    """A worker of ours could not take in an event."""
    EVENT_MISFIT = "event_misfit"
    """An event does not fit the wait that needs it."""
    CONTRADICTING_NEWS = "contradicting_news"
    """A provider's news contradicts what is known."""
    UNKNOWN_DEFINITION = "unknown_definition"
    """This code does not know the saga's definition or version."""
    LATE_EFFECT = "late_effect"
    """A step took effect after its saga had ended."""
    CANNOT_REACH = "cannot_reach"
    """A provider has not answered for more than two minutes."""
    CANNOT_SETTLE = "cannot_settle"
    """Nobody can say whether a step took effect."""
    EFFECT_DIFFERS = "effect_differs"
    """A step had another effect at the provider than was asked for."""
    QUEUE_UNTAKEN = "queue_untaken"
    """No worker takes the queue in which the next step lies."""
    CANNOT_PLAN = "cannot_plan"
    """The engine cannot work out what is next."""
    BAD_COMMAND = "bad_command"
    """The code that runs now cannot build what a step is to be given."""
    CANNOT_RECORD = "cannot_record"
    """A step has answered with something that cannot be recorded."""
