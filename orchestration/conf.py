"""Every setting of the engine, with type and default. A project sets any of them in `ORCHESTRATION = {...}`."""

from __future__ import annotations

from dataclasses import dataclass, fields

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Read afresh at each use, so that tests may override them."""

    LEASE_SECONDS: float = 15.0
    """How long a claim holds without being renewed: the most that a killed worker delays its step."""
    RESEND_AFTER_SECONDS: float = 20.0
    """How long a message may be on its way before the heartbeat sends it again; doubled with each time."""
    HEARTBEAT_SECONDS: float = 1.0
    """Pause between two sweeps of one worker: the precision of retries and deadlines."""
    SWEEP_BATCH: int = 100
    """Sagas or messages handled by one sweep before it looks at the clock again."""
    INCIDENT_AFTER_ATTEMPTS: int = 6
    """After so many failed attempts past the pivot an incident is opened; the retries go on."""
    MAX_CRASHES: int = 5
    """A step that never answered in so many deliveries is given up: it kills its workers."""
    QUEUE: str = "orchestration"
    """Queue of the engine's own tasks."""
    TRANSPORT: str = "orchestration.engine.celery_canvas.CeleryTransport"
    """What carries canvases and events to the broker."""
    SUBSCRIBERS: tuple[str, ...] = ()
    """More queues that get a copy of every published event, one message each, as task `<queue>.receive_event`."""


def engine_settings() -> EngineSettings:
    """The settings in force.

    Raises:
        ImproperlyConfigured: `ORCHESTRATION` has a key that does not exist.
    """
    given = dict(getattr(settings, "ORCHESTRATION", {}))
    known = {field.name for field in fields(EngineSettings)}
    if unknown := sorted(set(given) - known):
        raise ImproperlyConfigured(
            f"ORCHESTRATION has unknown keys {', '.join(unknown)}; known are {', '.join(sorted(known))}"
        )
    return EngineSettings(**given)
