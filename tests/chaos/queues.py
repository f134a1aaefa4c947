"""The broker's queues from outside: what lies in them, put in again, shuffled, thrown away. One class for each protocol."""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Callable, Iterator
from random import Random
from typing import Any, Protocol
from urllib.parse import urlsplit

import redis
from amqp import Message
from kombu import Connection

from config.queues import QUEUES

MOST = 200
"""Messages of one queue that are touched at once."""
TRIES = 20


class Queues(Protocol):
    """What the faults need of a broker."""

    def waiting(self) -> list[int]:
        """How many messages lie in each queue."""

    def flush(self) -> str:
        """Throw everything away; returns what there was, in words."""

    def double(self) -> Callable[[], int]:
        """Put a copy beside every message that waits. What is returned puts in one more copy of each, and counts them."""

    def shuffle(self, random: Random) -> int:
        """Change the order of what waits; returns how many messages have another place now."""


def queues_of(url: str) -> Queues:
    """The queues of the broker at an address."""
    return OfRabbitMQ(url) if urlsplit(url).scheme.endswith(("amqp", "amqps")) else OfRedis(url)


class OfRedis:
    """Redis and Valkey: a list for each queue, its messages JSON."""

    def __init__(self, url: str) -> None:
        self._link: Any = redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=2)

    def waiting(self) -> list[int]:
        """How many messages lie in each queue."""
        return [int(self._link.llen(queue)) for queue in QUEUES]

    def flush(self) -> str:
        """FLUSHALL: queues, what workers have not acknowledged, kombu's bindings, and the chord counters."""
        before = self._link.info("keyspace")
        self._link.flushall()
        flushes = self._link.info("commandstats").get("cmdstat_flushall", {})
        if not before or not flushes.get("calls"):
            return ""
        return f"{sum(each['keys'] for each in before.values())} keys thrown away"

    def double(self) -> Callable[[], int]:
        """Copies with delivery tags of their own, as a second publish would give them."""
        found = [(queue, message) for queue in QUEUES for message in self._messages(queue)]

        def again() -> int:
            for queue, message in found:
                content = json.loads(message)
                content["properties"]["delivery_tag"] = str(uuid.uuid4())
                self._link.lpush(queue, json.dumps(content))
            return len(found)

        again()
        return again

    def shuffle(self, random: Random) -> int:
        """Each queue at once: a message that comes in meanwhile makes the try void, and it is tried again."""
        return sum(self._shuffle(queue, random) for queue in QUEUES)

    def _shuffle(self, queue: str, random: Random) -> int:
        for _ in range(TRIES):
            with self._link.pipeline() as pipe, contextlib.suppress(redis.WatchError):
                pipe.watch(queue)
                before = pipe.lrange(queue, 0, MOST - 1)
                if len(before) < 2:
                    return 0
                after = _otherwise(before, random)
                pipe.multi()
                pipe.ltrim(queue, len(before), -1)
                pipe.lpush(queue, *reversed(after))
                pipe.execute()
                return sum(one != other for one, other in zip(before, after, strict=True))
        return 0

    def _messages(self, queue: str) -> list[bytes]:
        found: list[bytes] = self._link.lrange(queue, 0, MOST - 1)
        return found


class OfRabbitMQ:
    """RabbitMQ: what waits is taken out, and published as often as is wanted before it is acknowledged."""

    def __init__(self, url: str) -> None:
        self._url = url

    def waiting(self) -> list[int]:
        """How many messages lie in each queue."""
        with self._channel() as channel:
            return [channel.queue_declare(queue, passive=True).message_count for queue in QUEUES]

    def flush(self) -> str:
        """Purge every queue; what workers hold without having acknowledged stays theirs."""
        with self._channel() as channel:
            thrown = sum(channel.queue_purge(queue) for queue in QUEUES)
        return f"{thrown} messages thrown away" if thrown else ""

    def double(self) -> Callable[[], int]:
        """Each message twice where it was."""
        found: list[tuple[str, Any]] = []
        self._take(lambda taken: [copy for each in taken for copy in (each, each)], found)

        def again() -> int:
            with self._channel() as channel:
                for queue, message in found:
                    channel.basic_publish(Message(message.body, **message.properties), routing_key=queue)
            return len(found)

        return again

    def shuffle(self, random: Random) -> int:
        """Taken out in one order, put in in another."""
        before: list[tuple[str, Any]] = []
        moved: list[Any] = []

        def turned(taken: list[Any]) -> list[Any]:
            after = _otherwise(taken, random)
            moved.extend(one for one, other in zip(taken, after, strict=True) if one is not other)
            return after

        self._take(turned, before)
        return len(moved)

    @contextlib.contextmanager
    def _channel(self) -> Iterator[Any]:
        with Connection(self._url) as link, link.channel() as channel:
            yield channel

    def _take(self, turn: Callable[[list[Any]], list[Any]], seen: list[tuple[str, Any]]) -> None:
        with self._channel() as channel:
            for queue in QUEUES:
                taken: list[Any] = []
                while len(taken) < MOST and (message := channel.basic_get(queue)) is not None:
                    taken.append(message)
                for message in turn(taken):
                    channel.basic_publish(Message(message.body, **message.properties), routing_key=queue)
                for message in taken:
                    channel.basic_ack(message.delivery_tag)
                seen += [(queue, message) for message in taken]


def _otherwise(messages: list[Any], random: Random) -> list[Any]:
    """The same messages in another order; by chance alone two would often stay where they were."""
    after = random.sample(messages, len(messages))
    return after if after != messages else [*messages[1:], *messages[:1]]
