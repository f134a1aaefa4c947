"""Opening and closing incidents. One is open at most once per saga, kind and step, whoever opens it again."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models.functions import Now

from orchestration.models import Incident, Saga
from orchestration.signals import tell_closed, tell_opened

RUNBOOKS = {
    "undo_failed": "The effect of {step} still exists. Look at the provider. Then retry the undo; or undo it there and record that (saga settle REF {step} --undo --done); or leave it (saga skip REF {step}).",
    "step_failed": "{step} was refused or failed where there is no way back. Mend the cause it names, then retry the step.",
    "step_struggles": "{step} fails again and again and is still being retried. Mend the cause it names; nothing else is needed.",
    "event_timeout": "The event {step} has not come in time. Ask the service that should send it; when it comes the saga goes on by itself.",
    "event_set_aside": "Our own worker could not take in the event that {step} waits for. Mend the cause it names (often a worker of another version, or MAX_MESSAGE_BYTES), then have the event sent again: saga resend MESSAGE, with the number of the outbox message.",
    "contradicting_news": "News for {step} was refused, signed though it was: the message says why. Ask who sends it to correct it and send it again; when it comes the saga goes on and this closes by itself.",
    "unknown_definition": "This code does not know the saga's definition or version. Deploy the code that does; the saga has kept its place.",
    "late_effect": "{step} took effect after the saga had ended. The engine undoes it, and this closes by itself. Where it cannot, undo it at the provider and record that: saga settle REF {step} --undo --done.",
    "cannot_settle": "Nobody can say whether {step} took effect; the message says why. Look at the provider, then record it: saga settle REF {step} --done or --absent.",
    "cannot_reach": "{step} cannot be brought to its end: its provider has not answered for more than two minutes. Nothing is lost, and the engine goes on asking; this closes by itself when it answers. Look whether the provider, or the way to it, is down.",
    "effect_differs": "At the provider {step} has had another effect than was asked for; the message names both. Put it right there; the engine looks again every ten minutes. Or record what is true: saga settle REF {step} --done or --absent.",
    "bad_command": "The code that runs now cannot build what {step} is to be given from what is stored; the message names the fields. Nobody is refused for it, and nothing is undone but by the saga's deadline. Deploy code that can (give the new field a default, or keep the old version of the definition); the engine tries again each minute and when a worker starts, and this closes by itself.",
    "cannot_record": "{step} has answered with something that cannot be recorded; the log of its worker has the traceback. Mend the code of the step, then retry it; or look at the provider and record what is true: saga settle REF {step} --done or --absent.",
}


def open_incident(saga: Saga, kind: str, *, step: str = "", message: str) -> Incident:
    """Open an incident, or return the one already open for this saga, kind and step. Inside a transaction."""
    incident, is_new = Incident.objects.get_or_create(
        saga=saga,
        kind=kind,
        step=step,
        resolved_at=None,
        defaults={"message": message, "runbook": RUNBOOKS[kind].format(step=step)},
    )
    if is_new:
        tell_opened(incident)
    return incident


CLOSE_BY_THEMSELVES = (
    "step_struggles",
    "cannot_reach",
    "cannot_settle",
    "effect_differs",
    "cannot_record",
    "bad_command",
)
"""Kinds that close when the step comes to its end after all."""


def resolve_incidents(
    saga: Saga,
    *,
    step: str | None = None,
    kind: str | Collection[str] | None = None,
    by: str,
    resolution: str,
) -> int:
    """Close the open incidents of a saga, or of one of its steps, or of a kind or some. Returns how many there were."""
    found = Incident.objects.filter(saga=saga, resolved_at=None)
    if step is not None:
        found = found.filter(step=step)
    if kind is not None:
        found = found.filter(kind__in=[kind] if isinstance(kind, str) else kind)
    tell_closed(found, by=by, resolution=resolution)
    return found.update(resolved_at=Now(), resolved_by=by, resolution=resolution)
