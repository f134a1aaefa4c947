"""The Redis transport of this project: kombu's, with one client for each channel, encrypted where the address says so."""

from __future__ import annotations

import base64
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
from celery import current_app
from kombu import Connection
from redis.exceptions import ReadOnlyError

from orchestration.broker import redis_transport
from orchestration.broker.redis_transport import ACKNOWLEDGE_WITHIN
from tests.broker.own_valkey import OwnValkey, own_valkey


def test_addresses_of_redis_are_reached_by_it_and_shown_as_they_are() -> None:
    for address in ("redis://127.0.0.1:6379/0", "rediss://127.0.0.1:6379/0?ssl_cert_reqs=none"):
        connection = Connection(address)
        assert isinstance(connection.transport, redis_transport.Transport)
        assert connection.as_uri().partition("://")[0] == address.partition("://")[0]


def test_an_encrypted_address_stays_encrypted() -> None:
    assert Connection("rediss://127.0.0.1:6379/0?ssl_cert_reqs=none").ssl
    assert not Connection("redis://127.0.0.1:6379/0").ssl


def test_a_channel_keeps_its_client_until_it_has_another_pool() -> None:
    with current_app.connection() as connection:
        channel: Any = connection.channel()
        first = channel._create_client()
        assert channel._create_client() is first
        channel._pool = None
        assert channel._create_client() is not first


@pytest.fixture(scope="module")
def valkey() -> Iterator[OwnValkey]:
    with own_valkey() as own:
        yield own


class _Loop:
    """What an event loop was asked to call later."""

    def __init__(self) -> None:
        self.promised: list[tuple[float, Callable[[], Any]]] = []

    def call_later(self, seconds: float, what: Callable[[], Any]) -> None:
        self.promised.append((seconds, what))


class _Taking:
    """A consumer that takes messages one at a time."""

    def __init__(self, valkey: OwnValkey, loop: _Loop | None) -> None:
        valkey.admin.flushall()
        self.redis = valkey.admin
        self.connection = cast(Any, Connection(valkey.url(), transport=redis_transport.Transport))
        self.connection.transport.loop = loop
        self.channel = self.connection.channel()
        self.channel.queue_declare("q")
        self.channel.basic_qos(prefetch_count=10)

    def put(self, messages: int) -> None:
        for number in range(messages):
            self.channel.basic_publish(self.channel.prepare_message(f"{number}"), "", "q")

    def take(self) -> Any:
        message = self.channel.basic_get("q")
        assert message is not None
        return message

    @property
    def unacknowledged(self) -> int:
        assert self.redis.hlen("unacked") == self.redis.zcard("unacked_index")
        return int(self.redis.hlen("unacked"))


def test_a_large_message_is_handed_to_the_system_at_once(
    valkey: OwnValkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    taking = _Taking(valkey, None)
    taking.put(1)  # connects
    sent: list[int] = []
    whole = socket.socket.sendall

    def counting(self: socket.socket, data: bytes, *flags: int) -> None:
        sent.append(len(data))
        whole(self, data, *flags)

    monkeypatch.setattr(socket.socket, "sendall", counting)
    taking.channel.basic_publish(taking.channel.prepare_message("x" * 20_000), "", "q")
    assert len(sent) == 1
    assert sent[0] > 20_000


def test_a_message_that_is_too_large_to_copy_is_sent_in_pieces(
    valkey: OwnValkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    taking = _Taking(valkey, None)
    monkeypatch.setattr(redis_transport, "ONE_PIECE", 10_000)
    taking.channel.basic_publish(taking.channel.prepare_message("x" * 20_000), "", "q")
    message = taking.take()
    assert len(message.body) == 20_000
    message.ack()


def _commands(valkey: OwnValkey) -> int:
    return int(valkey.admin.info("commandstats").get("cmdstat_zrem", {}).get("calls", 0))


def test_an_acknowledgement_goes_along_with_the_next_message(valkey: OwnValkey) -> None:
    loop = _Loop()
    taking = _Taking(valkey, loop)
    taking.put(3)
    first, second = taking.take(), taking.take()
    first.ack()
    second.ack()
    assert taking.unacknowledged == 2
    before = _commands(valkey)
    taking.take()
    assert (taking.unacknowledged, _commands(valkey) - before) == (1, 1)
    assert [seconds for seconds, _ in loop.promised] == [ACKNOWLEDGE_WITHIN]
    taking.connection.close()


def test_one_that_meets_no_further_message_goes_out_a_moment_later(valkey: OwnValkey) -> None:
    loop = _Loop()
    taking = _Taking(valkey, loop)
    taking.put(2)
    for _ in range(2):
        taking.take().ack()
        assert taking.unacknowledged == 1
        loop.promised.pop()[1]()
        assert taking.unacknowledged == 0
    taking.connection.close()


def test_without_an_event_loop_it_goes_out_at_once(valkey: OwnValkey) -> None:
    taking = _Taking(valkey, None)
    taking.put(1)
    taking.take().ack()
    assert taking.unacknowledged == 0
    taking.connection.close()


def test_closing_a_channel_sends_what_is_owed_and_puts_back_what_is_not_acknowledged(
    valkey: OwnValkey,
) -> None:
    taking = _Taking(valkey, _Loop())
    taking.put(2)
    taking.take().ack()
    taking.take()
    taking.channel.close()
    assert (taking.unacknowledged, taking.redis.llen("q")) == (0, 1)
    taking.connection.close()


def test_what_ends_after_its_channel_was_closed_is_acknowledged_at_once(valkey: OwnValkey) -> None:
    taking = _Taking(valkey, _Loop())
    taking.put(1)
    late = taking.take()
    taking.channel.close()
    late.ack()
    assert (late.acknowledged, taking.unacknowledged) == (True, 0)
    taking.connection.close()


def test_a_broker_that_takes_no_acknowledgement_keeps_no_channel_open(
    valkey: OwnValkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    taking = _Taking(valkey, _Loop())
    taking.put(1)
    taking.take().ack()

    def refuse() -> None:
        raise ReadOnlyError("READONLY You can't write against a read only replica.")

    monkeypatch.setattr(taking.channel.qos, "settle", refuse)
    taking.channel.close()
    assert taking.channel.closed
    taking.connection.close()


def test_a_broker_that_has_gone_makes_no_trouble_for_whoever_owes(
    valkey: OwnValkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = _Loop()
    taking = _Taking(valkey, loop)
    taking.put(1)
    taking.take().ack()

    def gone(*_: Any, **__: Any) -> Any:
        raise ConnectionError("gone")

    monkeypatch.setattr(taking.channel, "conn_or_acquire", gone)
    loop.promised.pop()[1]()
    taking.channel.qos.settle()  # nothing is owed any more
    monkeypatch.undo()
    assert taking.unacknowledged == 1
    taking.connection.close()


@pytest.mark.parametrize("encoding", ["base64", None])
def test_a_body_is_decoded_once(
    valkey: OwnValkey, monkeypatch: pytest.MonkeyPatch, encoding: str | None
) -> None:
    decoded = Counter[str]()
    decode = base64.b64decode

    def counted(body: bytes, **options: Any) -> bytes:
        decoded["times"] += 1
        return decode(body, **options)

    monkeypatch.setattr(base64, "b64decode", counted)
    with Connection(valkey.url(0), transport="orchestration.broker.redis_transport:Transport") as connection:
        queue: Any = connection.SimpleQueue(f"once_{encoding}")
        if encoding is None:
            queue.producer.channel.body_encoding = None
        for text in ("first", "second"):
            queue.put({"text": text})
            message = queue.get(timeout=5)
            assert message.payload == {"text": text}
            message.ack()
        queue.close()
    assert decoded["times"] == (2 if encoding else 0)
