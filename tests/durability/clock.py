"""Time passes without anybody waiting: the rows' clock columns move back."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import F

from orchestration.models import OutboxMessage, QueueProbe, Saga, SagaStep


def pass_time_of_rows(seconds: float) -> None:
    """Let time pass for every saga, step, outbox message and probe. What a worker holds in memory does not notice."""
    by = timedelta(seconds=seconds)
    Saga.objects.update(
        created_at=F("created_at") - by, wake_at=F("wake_at") - by, deadline=F("deadline") - by
    )
    SagaStep.objects.update(
        due_at=F("due_at") - by,
        lease_until=F("lease_until") - by,
        sent_at=F("sent_at") - by,
        ended_at=F("ended_at") - by,
    )
    OutboxMessage.objects.update(claimed_until=F("claimed_until") - by, sent_at=F("sent_at") - by)
    QueueProbe.objects.update(asked_at=F("asked_at") - by, proven_at=F("proven_at") - by)
