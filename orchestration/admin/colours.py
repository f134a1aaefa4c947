"""Colours of states, by the classes of our style sheet."""

from __future__ import annotations

SAGA = {
    "accepted": "info",
    "running": "info",
    "waiting": "warning",
    "compensating": "warning",
    "completed": "success",
    "compensated": "warning",
    "cancelled": "warning",
    "failed": "danger",
    "undo_failed": "danger",
}
"""By state of a saga."""

STEP = {
    "pending": "info",
    "running": "info",
    "waiting": "warning",
    "unknown": "warning",
    "done": "success",
    "rejected": "danger",
    "skipped": "warning",
    "failed": "danger",
    "not_needed": "plain",
    "absent": "plain",
}
"""By state of a step."""

HISTORY = {
    "step_done": "success",
    "event_applied": "success",
    "ended": "plain",
    "step_undone": "warning",
    "step_retry": "warning",
    "step_postponed": "warning",
    "lease_expired": "warning",
    "step_overran": "warning",
    "times_corrected": "warning",
    "sent_again": "warning",
    "late_result": "warning",
    "undo_begun": "warning",
    "step_rejected": "danger",
    "step_failed": "danger",
    "undo_failed": "danger",
    "escalated": "danger",
}
"""By kind of an entry; what is not named is plain."""
