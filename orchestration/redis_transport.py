"""Kombu's transport for Redis and Valkey, with less work for each message.

Kombu makes a new `redis.Redis` for each command it sends: for each message put into a queue, taken out, acknowledged, and for
each event. Making one costs more than the command, and all of them share one pool of connections anyway. And it takes and
acknowledges each message in a transaction of Redis, of which nothing here depends: a message of which one half was
written is lost at worst, and what is lost is found by the rows.
A project takes it by `kombu.transport.TRANSPORT_ALIASES["redis"] = "orchestration.redis_transport:Transport"`, beside its Celery
app; and for `rediss` likewise.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kombu.transport import redis


class QoS(redis.QoS):
    """Kombu's record of what is not acknowledged yet, written with one round trip and no transaction."""

    channel: Any

    @contextmanager
    def pipe_or_acquire(self, pipe: Any = None, client: Any = None) -> Iterator[Any]:
        """A pipeline: the caller's, or a new one."""
        if pipe:
            yield pipe
        else:
            with self.channel.conn_or_acquire(client) as acquired:
                yield acquired.pipeline(transaction=False)


class Channel(redis.Channel):
    """Kombu's channel, with one client for all commands that do not wait."""

    QoS = QoS
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
