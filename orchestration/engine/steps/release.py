"""Giving claims back: one that has not acted, or those of a worker that ends."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import F
from django.db.models.functions import Now

from orchestration.core.planning.states import StepState
from orchestration.engine.database.connection import connection
from orchestration.engine.steps.claims import Claim
from orchestration.models import Saga, SagaStep

_END_LEASES = """
UPDATE orchestration_sagastep SET lease_until = statement_timestamp(), deliveries = deliveries - 1
 WHERE split_part(task_id, '.', 1) = ANY(%s) AND state = 'running' AND lease_until > statement_timestamp()
RETURNING saga_id
"""


def release_claim(claim: Claim) -> None:
    """Make a claimed step due again, or leave it alone if somebody else holds it by now. One statement.

    While its saga is being undone the barrier settles it as absent. The delivery does not count as a crash.
    """
    held = SagaStep.objects.filter(id=claim.row_id, token=claim.token, state=StepState.RUNNING.value)
    held.update(state=StepState.PENDING.value, lease_until=None, sent_at=None, deliveries=F("deliveries") - 1)


def revoke_claim(claim: Claim, *, is_new: bool) -> None:
    """Take a claim back that should not have been asked for, and leave no trace of it: no row, where there was none. One statement.

    A row of a step whose turn it is not would stay behind for good where the flow never comes to that step.
    """
    if not is_new:
        release_claim(claim)
        return
    SagaStep.objects.filter(id=claim.row_id, token=claim.token, state=StepState.RUNNING.value).delete()


def end_leases(task_ids: Collection[str]) -> int:
    """End the leases of the steps that these Celery tasks had claimed: the processes that ran them are no more.

    What would happen when the leases run out happens at once: the next delivery or sweep takes a step over, and one that may
    have acted is looked up first. These deliveries do not count as crashes. Two statements, each committed by itself.

    Returns:
        How many leases ended.
    """
    if not task_ids:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_END_LEASES, [list(task_ids)])
        sagas = [row[0] for row in cursor.fetchall()]
    # Not in one statement: everybody else locks a saga before its steps.
    Saga.objects.filter(id__in=sagas, ended_at=None, paused=False).update(wake_at=Now())
    return len(sagas)
