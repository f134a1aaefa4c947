"""Giving a claim back without having acted."""

from __future__ import annotations

from django.db.models import F

from orchestration.core.states import StepState
from orchestration.engine.claims import Claim
from orchestration.models import SagaStep


def release_claim(claim: Claim) -> None:
    """Make a claimed step due again, or leave it alone if somebody else holds it by now. One statement.

    While its saga is being undone the barrier settles it as absent. The delivery does not count as a crash.
    """
    held = SagaStep.objects.filter(id=claim.row_id, token=claim.token, state=StepState.RUNNING.value)
    held.update(state=StepState.PENDING.value, lease_until=None, sent_at=None, deliveries=F("deliveries") - 1)
