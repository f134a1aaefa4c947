"""Every setting of the engine, with type and default. A project sets any of them in `ORCHESTRATION = {...}`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed

from orchestration.setting_faults import fault_of


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Asked for at each use, so that tests may override them."""

    LEASE_SECONDS: float = 15.0
    """How long a claim holds without being renewed: the most that a killed worker delays its step."""
    RESEND_AFTER_SECONDS: float = 10.0
    """How long a message may be on its way before the heartbeat asks, by a probe through its queue, whether it is lost."""
    HEARTBEAT_SECONDS: float = 1.0
    """Pause between two sweeps of one worker: the precision of retries and deadlines."""
    SWEEP_BATCH: int = 100
    """Sagas or messages handled by one sweep before it looks at the clock again."""
    INCIDENT_AFTER_ATTEMPTS: int = 6
    """After so many failed attempts past the pivot an incident is opened; the retries go on."""
    MAX_CRASHES: int = 5
    """A step that never answered in so many deliveries is given up: it kills its workers."""
    MAX_MESSAGE_BYTES: int = 65_536
    """The largest message a worker takes for a task of the engine, and the largest event that is published."""
    MAX_UNPACKED_BYTES: int = 1_048_576
    """The most that a packed message may unpack to, whatever task it is for: it is unpacked before anybody can look at it."""
    FLUSH_LOCAL_STEPS: bool = False
    """Whether the record of a local step waits for the disk, too. If the server crashes and forgets it, it has forgotten the effect
    with it, and the step is done anew; what the outside has been told, and the end of a saga, is on disk in any case."""
    RUN_AHEAD_SECONDS: float = 0.0
    """For how long a worker that has recorded a step goes straight on with the next one that it may do itself, instead of by
    message; 0: never. A definition may say otherwise."""
    DATABASE: str = "default"
    """Key in `DATABASES` of the database that has the engine's rows, and with them those that local steps write."""
    OWNER_DATABASE: str = "owner"
    """Key in `DATABASES` by which the owner of the same tables is reached, for `prune`; where there is no such key, DATABASE serves."""
    QUEUE: str = "orchestration"
    """Queue of the engine's own tasks."""
    TRANSPORT: str = "orchestration.broker.canvas.CeleryTransport"
    """What carries canvases and events to the broker."""
    EVENT_KEYS: tuple[str, ...] = ()
    """Secrets from which the keys of the sources of events are derived: the first one seals, each of them is accepted. By default
    Django's SECRET_KEY and SECRET_KEY_FALLBACKS. Every process that publishes or receives events needs the same ones."""
    SUBSCRIBERS: tuple[str, ...] = ()
    """More queues that get a copy of every published event, one message each, as task `<queue>.receive_event`."""
    ADMIN_SEARCH: str = ""
    """Dotted path of `(text) -> list of business keys`: what else the admin's search understands, such as an e-mail."""
    ADMIN_LINKS: str = ""
    """Dotted path of `(business key) -> list of (label, url)`: what the admin links to beside a saga."""
    FLOWER_URL: str = ""
    """Where Flower is, for links from the admin to its page of a task; empty for none."""
    RETENTION: Mapping[str, str] = field(default_factory=dict)
    """How long what is kept, where that differs from the usual: `{"completed": "30d", "failed": "never"}`."""


_MOVED = {"orchestration.engine.celery_canvas.CeleryTransport": "orchestration.broker.canvas.CeleryTransport"}
"""Where what a project may have named by an older address stands now; understood for one version."""
_read: EngineSettings | None = None
"""What was made of `ORCHESTRATION`, until it is overridden: every step asks several times."""


def engine_settings() -> EngineSettings:
    """The settings in force.

    Raises:
        ImproperlyConfigured: `ORCHESTRATION` has a key that does not exist, or a value that cannot be meant.
    """
    return _read if _read is not None else _read_again()


def _read_again() -> EngineSettings:
    global _read
    given = dict(getattr(settings, "ORCHESTRATION", None) or {})
    known = {each.name for each in fields(EngineSettings)}
    if unknown := sorted(set(given) - known):
        raise ImproperlyConfigured(
            f"ORCHESTRATION has unknown keys {', '.join(unknown)}; known are {', '.join(sorted(known))}"
        )
    for name, value in given.items():
        if (told := fault_of(name, value)) is not None:
            raise ImproperlyConfigured(told)
    if (transport := given.get("TRANSPORT")) in _MOVED:
        given["TRANSPORT"] = _MOVED[transport]
    _read = EngineSettings(**given)
    return _read


def _forget(*, setting: str, **_: object) -> None:
    global _read
    if setting == "ORCHESTRATION":
        _read = None


setting_changed.connect(_forget)


def are_sound() -> bool:
    """Whether the settings can be read; where they cannot, `check` says why, once."""
    try:
        engine_settings()
    except ImproperlyConfigured:
        return False
    return True
