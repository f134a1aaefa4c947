"""Rubbish where a worker listens beside its queues: control commands, events of other workers, and what Redis keeps of messages."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
import redis
from celery import current_app
from django.db import transaction
from kombu.clocks import LamportClock

from orchestration.broker.wire import fault_of_kept
from orchestration.models import DeadLetter, Saga
from orchestration.services import start_saga
from tests.bootstrap.running_system import wait_until
from tests.orchestration.poison import Pill, past_pivot
from tests.orchestration.worker_process import WorkerProcess, empty, worker_process

NO_MESSAGES = (
    b"{", b"5", b"[1]", b"null", b"\xff\xfe", b'"x"', b"{}", b'{"properties": []}', b"[" * 100_000
)  # fmt: skip
JUNK: tuple[Any, ...] = (
    "x", "", -1, 0.5, 1e308, float("inf"), float("nan"), 2**70, int("9" * 4300), True, None, [], ["x", "y"], {}, {"a": 1},
)  # fmt: skip
COMMAND: dict[str, Any] = {
    "method": "ping",
    "arguments": {},
    "destination": None,
    "pattern": None,
    "matcher": None,
}
EVENT: dict[str, Any] = {
    "hostname": "other@x", "type": "worker-heartbeat", "timestamp": 1e9, "clock": 1, "pid": 1, "utcoffset": 0, "freq": 2,
    "active": 0, "processed": 0, "loadavg": [0, 0, 0], "sw_ident": "x", "sw_ver": "1", "sw_sys": "Linux",
}  # fmt: skip


@pytest.fixture
def broker() -> Iterator[redis.Redis]:
    client = redis.Redis.from_url(current_app.conf.broker_url)
    yield client
    client.delete("unacked", "unacked_index")
    client.close()


@pytest.fixture
def worker(process_environment: dict[str, str], transactional_db: None) -> Iterator[WorkerProcess]:
    """One that listens to everything, as another project starts it: with gossip, mingle and events."""
    queues = ("poison", "orchestration")
    empty(*queues)
    with worker_process(
        process_environment, "-c", "2", "-E", "-I", "tests.orchestration.poison", queues=queues
    ) as running:
        wait_until(_hears, "it hears broadcasts", 30)
        yield running


def _hears() -> bool:
    return bool(current_app.control.ping(timeout=1))


def channel_of(exchange: str) -> str:
    """Where Redis has the broadcasts of an exchange."""
    number = urlsplit(current_app.conf.broker_url).path.strip("/") or "0"
    return f"/{number}.{exchange}"


def message_of(body: Any, headers: Any, exchange: str, routing_key: Any = "") -> bytes:
    """A message as Redis has it."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    properties = {
        "delivery_info": {"exchange": exchange, "routing_key": routing_key},
        "body_encoding": "base64",
        "delivery_tag": str(uuid4()),
        "priority": 0,
    }
    return json.dumps(
        {
            "body": base64.b64encode(raw).decode(),
            "content-type": "application/json",
            "content-encoding": "utf-8",
            "headers": headers,
            "properties": properties,
        }
    ).encode()


def _commands() -> Iterator[bytes]:
    yield from NO_MESSAGES
    yield message_of(b"\xff{", {}, "celery.pidbox")
    for value in JUNK:
        yield message_of(value, {}, "celery.pidbox")
        yield message_of(COMMAND, value, "celery.pidbox")
        for name in ("clock", "expires", "compression", "ticket"):
            yield message_of(COMMAND, {name: value}, "celery.pidbox")
        for name in (*COMMAND, "reply_to", "ticket", "more"):
            yield message_of({**COMMAND, name: value}, {}, "celery.pidbox")


def events(kind: str) -> Iterator[bytes]:
    """Damaged events of a kind, such as `worker.heartbeat`."""
    good, headers = {**EVENT, "type": kind.replace(".", "-")}, {"hostname": "other@x"}
    yield from NO_MESSAGES
    yield message_of(b"\xff{", headers, "celeryev", kind)
    for value in JUNK:
        for body in (value, [value], [good, value]):
            yield message_of(body, headers, "celeryev", kind)
        yield message_of(good, value, "celeryev", kind)
        yield message_of(good, headers, "celeryev", value)
        for name in ("hostname", "clock", "compression"):
            yield message_of(good, {**headers, name: value}, "celeryev", kind)
        for name in good:
            yield message_of({**good, name: value}, headers, "celeryev", kind)


def _serves(worker: WorkerProcess) -> None:
    with transaction.atomic():
        saga = start_saga(past_pivot, input=Pill(), business_key=str(uuid4()))
    wait_until(lambda: Saga.objects.get(id=saga.id).state == "completed", "a saga goes through", 60)
    wait_until(_hears, "it still hears broadcasts", 30)
    assert worker.is_alive
    log = worker.log.read_text()
    assert "Unrecoverable error" not in log
    assert "Connection to broker lost" not in log


def test_no_control_command_ends_a_worker(worker: WorkerProcess, broker: redis.Redis) -> None:
    for command in _commands():
        broker.publish(channel_of("celery.pidbox"), command)
    _serves(worker)


def test_no_event_of_another_worker_ends_a_worker(worker: WorkerProcess, broker: redis.Redis) -> None:
    for kind in (
        "worker.heartbeat",
        "worker.online",
        "worker.elect",
        "worker.elect.ack",
        "worker.x",
        "task.x",
    ):
        for event in events(kind):
            broker.publish(channel_of(f"celeryev/{kind}"), event)
    _serves(worker)
    clock = current_app.control.inspect(timeout=5).clock()
    assert clock is not None
    assert [told["clock"] < 2**54 for told in clock.values()] == [True]


def _kept() -> Iterator[bytes]:
    yield from NO_MESSAGES
    entry = json.loads(message_of([[], {}, {}], {}, "orderly", "orchestration"))
    for value in JUNK:
        yield json.dumps([value, "orderly", "orchestration"]).encode()
        yield json.dumps([entry, value, "orchestration"]).encode()
        yield json.dumps([entry, "orderly", value]).encode()
        yield json.dumps([{**entry, "headers": value}, "orderly", "orchestration"]).encode()
        yield json.dumps([{**entry, "properties": value}, "orderly", "orchestration"]).encode()


def test_what_redis_keeps_and_is_no_message_is_in_no_messages_way(
    worker: WorkerProcess, broker: redis.Redis
) -> None:
    faulty = 0
    for kept in _kept():
        tag = str(uuid4())
        broker.hset("unacked", tag, kept)
        broker.zadd("unacked_index", {tag: 2})
        faulty += fault_of_kept(kept) is not None
    # A message that was lost with its worker, behind all of them.
    lost = message_of(
        [[], {"saga": str(uuid4())}, {}], {"task": "no.such", "id": str(uuid4())}, "orderly", "orchestration"
    )
    broker.hset("unacked", "lost", json.dumps([json.loads(lost), "orderly", "orchestration"]))
    broker.zadd("unacked_index", {"lost": 1})
    assert faulty > 40
    wait_until(lambda: broker.zscore("unacked_index", "lost") is None, "it has come again", 300)
    wait_until(
        lambda: DeadLetter.objects.filter(reason="unknown_task", task="no.such").exists(), "and was taken", 30
    )
    aside = DeadLetter.objects.filter(queue="unacked")
    wait_until(lambda: sum(aside.values_list("times", flat=True)) >= faulty, "each is set aside", 30)
    _serves(worker)


@pytest.mark.parametrize("odd", [*JUNK, 2**53, -1, False])
def test_no_clock_takes_over_what_no_clock_counts_to(odd: Any) -> None:
    clock = LamportClock(5)
    assert clock.adjust(odd) == 6
    assert clock.adjust(10) == 11
