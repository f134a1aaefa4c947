"""What an event holds that does not fit: whoever is to put it right has to see it, with the values masked that are nobody's to read."""

from __future__ import annotations

from orchestration.admin.masking import shown
from orchestration.engine.flow.misfits import KIND
from orchestration.models import InboxDelivery, Incident


def data_of(incident: Incident) -> str:
    """The data of the event that an open incident is about, as masked JSON; empty for any other. One query, or none."""
    if incident.kind != KIND or incident.resolved_at is not None:
        return ""
    kept = InboxDelivery.objects.filter(saga_id=incident.saga_id, wait=incident.step, state="due")
    delivery = kept.select_related("message").order_by("-id").first()
    return shown(delivery.message.envelope.get("data")) if delivery is not None else ""
