"""The fast lane for Redis and Valkey: with one call, a Celery application uses the engine's transport and its counter of chords.

    from orchestration import redis_transport

    app = Celery("shop")
    redis_transport.install(app)

Without it sagas run the same, with more round trips for each message. It works for the schemes `redis` and `rediss`, and does nothing with
others: the result backend is Redis also where the broker is RabbitMQ.
"""

from __future__ import annotations

from typing import Any

from kombu.transport import TRANSPORT_ALIASES

from orchestration.broker.redis_transport import Transport as Transport

_SCHEMES = ("redis", "rediss")
_COUNTERS = "orchestration.broker.chord_counters:ChordCounters"


def install(app: Any) -> None:
    """Have a Celery application send and count by way of these classes. Idempotent; to be called where the application is made.

    The transport is named in kombu's table, for this process, and not by the setting `broker_transport`, which would have `rediss://` forget
    its encryption.
    """
    TRANSPORT_ALIASES.update(dict.fromkeys(_SCHEMES, f"{__name__}:Transport"))
    app.loader.override_backends = {**app.loader.override_backends, **dict.fromkeys(_SCHEMES, _COUNTERS)}
