"""Kombu's transport for Redis and Valkey, with less work for each message.

Kombu makes a new `redis.Redis` for each command it sends: for each message put into a queue, taken out, acknowledged, and for
each event. Making one costs more than the command, and all of them share one pool of connections anyway. And it takes and
acknowledges each message in a transaction of Redis, of which nothing here depends: a message of which one half was
written is lost at worst, and what is lost is found by the rows. An acknowledgement goes out with the next message that is taken, or
a moment later: whoever is killed in that moment gets messages again that it had handled, as in any other moment before it.
A project takes it by `orchestration.redis_transport.install(app)`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import time
from typing import Any

from orchestration.extras import missing

# Before kombu's own transport, which without its client fails in words that nobody understands.
try:
    from redis.exceptions import (
        ClusterDownError,
        DataError,
        MasterDownError,
        ReadOnlyError,
        RedisError,
        ResponseError,
        TryAgainError,
    )
    from redis.exceptions import ConnectionError as ConnectionLost
except ImportError as error:
    raise ImportError(missing("redis", "redis")) from error

from kombu.transport import redis, virtual
from kombu.utils.encoding import bytes_to_str
from kombu.utils.json import dumps

from orchestration.broker.broadcasts import STUMBLES, told_in_vain
from orchestration.broker.wire import decoded, fault_of_entry, fault_of_kept

logger = logging.getLogger(__name__)

NOT_SETTLED = (RedisError, OSError)
"""What Redis answers when it cannot be told what is acknowledged."""
ONE_PIECE = 256 * 1024
"""Bytes up to which a command is handed to the system at once."""
FAILING_OVER = (ReadOnlyError, MasterDownError, TryAgainError, ClusterDownError)
"""What Redis answers while another server takes over: as if the connection were lost."""
ACKNOWLEDGE_WITHIN = 0.02
"""Seconds for which an acknowledgement waits for a message to go along with."""


class _InOnePiece:
    """A connection that hands a command to the system at once.

    The client cuts commands at 6,000 bytes, and hands each piece over by itself: a message of that size cost three calls
    of the system, and woke the server three times.
    """

    def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        if isinstance(command, list) and len(command) > 1 and sum(map(len, command)) <= ONE_PIECE:
            command = [b"".join(command)]
        super().send_packed_command(command, check_health)  # type: ignore[misc]  # of the class beside it


class QoS(redis.QoS):
    """Kombu's record of what is not acknowledged yet, written without transactions, and for each message with one round trip."""

    channel: Any
    _owed: list[Any]
    """Acknowledged here, and not yet in Redis."""
    _promised = False
    """Whether the event loop will settle what is owed."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._owed = []

    def append(self, message: Any, delivery_tag: Any) -> None:
        """Note a message as taken; what is owed goes along."""
        owed = list(self._owed)
        with self.pipe_or_acquire() as pipe:
            self._remove(owed, pipe)
            taken = dumps(
                [message._raw, message.delivery_info["exchange"], message.delivery_info["routing_key"]]
            )
            pipe.zadd(self.unacked_index_key, {delivery_tag: time()}).hset(
                self.unacked_key, delivery_tag, taken
            )
            pipe.execute()
        del self._owed[: len(owed)]
        virtual.QoS.append(self, message, delivery_tag)

    def ack(self, delivery_tag: Any) -> None:
        """Acknowledge a message: at once where no event loop drives this channel any more, otherwise within ACKNOWLEDGE_WITHIN."""
        # None once the channel is closed: tasks may end after their worker has connected anew.
        transport = self.channel.connection
        loop = transport.loop if transport is not None else None
        self._owed.append(delivery_tag)
        virtual.QoS.ack(self, delivery_tag)
        if loop is None:
            self.settle()
        elif not self._promised:
            self._promised = True
            loop.call_later(ACKNOWLEDGE_WITHIN, self._settle_as_promised)

    def restore_by_tag(self, tag: Any, client: Any = None, leftmost: bool = False) -> None:
        """Put a message back; but what is kept under its tag and is none is set aside, or it would be in the way of all behind it."""
        with self.channel.conn_or_acquire(client) as acquired:
            kept = acquired.hget(self.unacked_key, tag)
            fault = None if kept is None else fault_of_kept(kept)
            if fault is None:
                try:
                    super().restore_by_tag(tag, acquired, leftmost)
                    return
                except DataError:
                    fault = "it was for a queue that there is not"
            self._remove([tag], pipe := acquired.pipeline(transaction=False))
            pipe.execute()
        self.channel.connection.set_entry_aside(self.unacked_key, kept, fault)

    def settle(self) -> None:
        """Acknowledge in Redis what is owed."""
        if owed := list(self._owed):
            with self.pipe_or_acquire() as pipe:
                self._remove(owed, pipe)
                pipe.execute()
            del self._owed[: len(owed)]

    def _settle_as_promised(self) -> None:
        self._promised = False
        try:
            self.settle()
        except NOT_SETTLED as error:
            # The consumer finds out by itself if its connection is gone. These messages come again, and are refused by the rows.
            logger.warning("%s messages could not be acknowledged: %s", len(self._owed), error)
            self._owed.clear()

    def _remove(self, owed: list[Any], pipe: Any) -> None:
        if owed:
            pipe.zrem(self.unacked_index_key, *owed).hdel(self.unacked_key, *owed)

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
    connection: Any
    _entry: Any = None
    """What was taken from a list last, as it came."""
    _kept: tuple[Any, Any] | None = None
    """The client, and the pool it was made for: a channel that connects anew has another."""

    def decode_body(self, body: Any, encoding: Any = None) -> Any:
        """Kombu's; but what was decoded when the entry was looked at is not decoded again."""
        if encoding == "base64" and isinstance(body, str):
            return decoded(body)
        return super().decode_body(body, encoding)

    def close(self) -> None:
        """Settle what is owed, then close."""
        qos: Any = self._qos
        if qos is not None and not self.closed:
            try:
                qos.settle()
            except NOT_SETTLED as error:
                logger.warning("messages could not be acknowledged: %s", error)
        super().close()

    def _brpop_read(self, **options: Any) -> Any:
        """Kombu's; but an entry that is no message is set aside. It would end the worker, and is taken from its list already."""
        self._entry, self.connection.is_delivering = None, False
        try:
            return super()._brpop_read(**options)  # type: ignore[misc]  # not in its stubs
        except ResponseError as error:
            if self.connection.is_delivering:
                raise
            # Whatever it is (fenced, failed over, loading, no right to read), waiting for messages is over: connect again.
            raise ConnectionLost(f"the server ended the wait for messages: {error}") from error
        except (ValueError, TypeError, RecursionError) as error:
            if self._entry is None or self.connection.is_delivering:
                raise  # not of the entry
            queue, entry = self._entry
            self.connection.set_entry_aside(
                bytes_to_str(queue), entry, f"it is no JSON: {type(error).__name__}"
            )
            return True

    def _connparams(self, asynchronous: bool = False) -> dict[str, Any]:
        """Kombu's, with a connection that sends in one piece."""
        known: dict[str, Any] = super()._connparams(asynchronous)  # type: ignore[misc]  # not in its stubs
        made = known["connection_class"]
        return known | {"connection_class": type(made.__name__, (_InOnePiece, made), {})}

    def _receive_one(self, c: Any) -> Any:
        """Kombu's; but a broadcast over which anybody stumbles is dropped. It is neither kept nor sent again, and would end the worker."""
        try:
            return super()._receive_one(c)  # type: ignore[misc]  # not in its stubs
        except STUMBLES as error:
            told_in_vain("a broadcast", error)
            return None

    def _create_client(self, asynchronous: bool = False) -> Any:
        if asynchronous:
            return self._remembering(self._made(asynchronous=True))
        pool = self.pool
        if self._kept is None or self._kept[0] is not pool:
            self._kept = pool, self._made()
        return self._kept[1]

    def _made(self, **how: bool) -> Any:
        return redis.Channel._create_client(self, **how)  # type: ignore[attr-defined]  # not in its stubs

    def _remembering(self, client: Any) -> Any:
        """The client that waits for messages, which remembers what it has taken."""
        parse = client.parse_response

        def parse_response(connection: Any, command: Any, **options: Any) -> Any:
            answer = parse(connection, command, **options)
            if command == "BRPOP":
                self._entry = answer
            return answer

        client.parse_response = parse_response
        return client


class Transport(redis.Transport):
    """Kombu's transport with that channel."""

    Channel = Channel
    # A server that is being failed over says so for a while. Kombu takes that for an error of the channel, which ends the worker.
    connection_errors = (*redis.Transport.connection_errors, *FAILING_OVER)
    is_delivering = False
    """Whether what was taken has been handed on: an error from then on is its consumer's."""
    on_no_message: Callable[[str, Any, str], None] | None = None
    """What becomes of an entry of a list that is no message: called with the queue, the entry (bytes, or what JSON said), and the fault."""
    loop: Any = None
    """The event loop that drives it, if one does."""

    def register_with_event_loop(self, connection: Any, loop: Any) -> None:
        """Kombu's; and remember the loop."""
        self.loop = loop
        super().register_with_event_loop(connection, loop)

    def _deliver(self, message: Any, queue: Any) -> None:
        """Kombu's; but an entry that kombu could not make a message of is set aside."""
        self.is_delivering = True
        if (fault := fault_of_entry(message)) is not None:
            self.set_entry_aside(queue, message, fault)
            return
        super()._deliver(message, queue)

    def set_entry_aside(self, queue: str, entry: Any, fault: str) -> None:
        """Hand an entry that is no message to whoever keeps such things; where nobody does, the log has to do."""
        if self.on_no_message is None:
            logger.error("an entry of %s was no message and is dropped: %s", queue, fault)
        else:
            self.on_no_message(queue, entry, fault)
