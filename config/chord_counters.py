"""The result backend: it counts chords, and listens for nobody's result.

Celery's subscribes to the results of every group that a process sends, and unsubscribes when they are garbage. Nothing here
waits for a result; but garbage is collected in whichever thread happens to be running, so a request's thread would talk to
Redis, and wait for one that is slow or away.
"""

from __future__ import annotations

from typing import Any

from celery.backends import redis

_Listener: Any = vars(redis)["ResultConsumer"]  # its type stubs leave it out


class DeafListener(_Listener):  # type: ignore[misc]  # Celery's has no types
    """Opens no connection. `AsyncResult.get()` would never see a result."""

    def start(self, *_: Any, **__: Any) -> None:
        """Do nothing."""

    def consume_from(self, *_: Any) -> None:
        """Do nothing."""

    def cancel_for(self, *_: Any) -> None:
        """Do nothing."""

    def on_after_fork(self) -> None:
        """Do nothing: there is no connection that a fork could share."""


class ChordCounters(redis.RedisBackend):
    """Redis as the counter of chords."""

    ResultConsumer = DeafListener


OVERRIDDEN = dict.fromkeys(("redis", "rediss"), "config.chord_counters:ChordCounters")
"""For the loader of the Celery application: what the scheme of an address stands for."""
