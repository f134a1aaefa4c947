"""Kombu's transport for Redis and Valkey, whose channels keep their client.

Kombu makes a new `redis.Redis` for each command it sends: for each message put into a queue, taken out, acknowledged, and for
each event. Making one costs more than the command, and all of them share one pool of connections anyway.
Set `CELERY_BROKER_TRANSPORT = "orchestration.redis_transport:Transport"` beside a `redis://` address.
"""

from __future__ import annotations

from typing import Any

from kombu.transport import redis


class Channel(redis.Channel):
    """Kombu's channel, with one client for all commands that do not wait."""

    _kept: tuple[Any, Any] | None = None
    """The client, and the pool it was made for: a channel that connects anew has another."""

    def _create_client(self, asynchronous: bool = False) -> Any:
        if asynchronous:
            return self._made(asynchronous=True)
        pool = self.pool
        if self._kept is None or self._kept[0] is not pool:
            self._kept = pool, self._made()
        return self._kept[1]

    def _made(self, **how: bool) -> Any:
        return redis.Channel._create_client(self, **how)  # type: ignore[attr-defined]  # not in its stubs


class Transport(redis.Transport):
    """Kombu's transport with that channel."""

    Channel = Channel
