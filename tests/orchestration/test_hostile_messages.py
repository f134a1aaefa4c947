"""Messages that would end a worker, sent to a whole worker with its pool: it sets them aside and goes on."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
import redis
from celery import current_app
from django.db import transaction

from orchestration.broker.wire import fault_of_entry, fault_of_headers
from orchestration.engine.messages.seals import sealed
from orchestration.models import DeadLetter, InboxMessage, Saga
from orchestration.services import start_saga
from tests.bootstrap.running_system import wait_until
from tests.orchestration.poison import Pill, past_pivot
from tests.orchestration.worker_process import WorkerProcess, empty, publish_raw, worker_process

ADVANCE, OTHER = "orchestration.advance", "celery.ping"
SAGA = "00000000-0000-7000-8000-000000000000"
JUNK: tuple[Any, ...] = (
    "x", "", -1, 1e308, 2**70, True, [], ["x", "y"], [-1, -1], [None], [1, 2, 3], {}, {"a": 1}, [[]], "9999-12-31T23:59:59-14:00",
    "0001-01-01T00:00:00+14:00", "2026-01-01", "\ud800".encode("utf-8", "replace").decode(), "a" * 2000,
)  # fmt: skip
HEADERS = (
    "id", "task", "lang", "timelimit", "eta", "expires", "retries", "root_id", "parent_id", "group", "group_index", "shadow",
    "origin", "argsrepr", "kwargsrepr", "compression", "ignore_result", "replaced_task_nesting", "stamped_headers", "stamps",
)  # fmt: skip


@pytest.fixture
def worker(process_environment: dict[str, str], transactional_db: None) -> Iterator[WorkerProcess]:
    queues = ("poison", "orchestration")
    empty(*queues)
    with worker_process(
        process_environment, "-c", "2", "-I", "tests.orchestration.poison", queues=queues
    ) as running:
        yield running


def _serves(worker: WorkerProcess) -> None:
    """It takes good messages as ever, and it is still the worker that was started."""
    with transaction.atomic():
        saga = start_saga(past_pivot, input=Pill(), business_key=str(uuid4()))
    wait_until(lambda: Saga.objects.get(id=saga.id).state == "completed", "a saga goes through", 60)
    assert worker.is_alive
    log = worker.log.read_text()
    assert "Unrecoverable error" not in log
    assert "Connection to broker lost" not in log


def _headers(**more: Any) -> dict[str, Any]:
    return {"task": ADVANCE, "id": str(uuid4()), "lang": "py", **more}


def _call(**kwargs: Any) -> list[Any]:
    return [[], kwargs, {}]


def test_no_header_that_celery_computes_with_ends_a_worker(worker: WorkerProcess) -> None:
    refused = 0
    for task in (ADVANCE, OTHER, "poison.prepare"):
        for name in HEADERS:
            for value in JUNK:
                headers = _headers(task=task) | {name: value}
                publish_raw(_call(saga=SAGA), headers=headers)
                refused += fault_of_headers(headers) is not None
    # The older protocol has all of it in the body.
    for task in (ADVANCE, OTHER):
        publish_raw({"task": task, "id": str(uuid4()), "args": [], "kwargs": {}, "timelimit": ["x", "y"]})
    assert refused > 300
    _serves(worker)
    aside = DeadLetter.objects.filter(reason="malformed", detail__contains="Celery computes with")
    wait_until(lambda: sum(aside.values_list("times", flat=True)) >= refused, "each is set aside", 60)


def test_a_message_cannot_say_how_long_a_task_of_ours_may_take(worker: WorkerProcess) -> None:
    for limits in ([0.0001, 0.0001], [1e-9, None], [None, 1e-9]):
        for _ in range(5):
            publish_raw(_call(saga=SAGA), headers=_headers(timelimit=limits))
    _serves(worker)
    log = worker.log.read_text()
    assert "SIGKILL" not in log
    assert "time limit" not in log


def test_no_link_or_callback_within_a_body_ends_a_worker(worker: WorkerProcess) -> None:
    for name in ("chain", "callbacks", "errbacks", "chord"):
        for value in JUNK:
            publish_raw([[], {"saga": SAGA}, {name: value}], headers=_headers())
    _serves(worker)


ENTRIES: dict[str, Any] = {
    "no JSON": b"{",
    "no text": b"\xff\xfe\x00",
    "deep": b"[" * 100_000,
    "a number": b"5",
    "a list": b"[1]",
    "nothing": b"",
    "no properties": {"body": ""},
    "properties are a list": {"properties": []},
    "no delivery tag": {"properties": {"delivery_info": {"exchange": "", "routing_key": ""}}},
}


def _entry(**more: Any) -> dict[str, Any]:
    body = base64.b64encode(json.dumps(_call(saga=SAGA)).encode()).decode()
    properties = {
        "delivery_tag": str(uuid4()),
        "delivery_info": {"exchange": "orderly", "routing_key": "orchestration"},
        "body_encoding": "base64",
    }
    return {
        "body": body,
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": _headers(),
        "properties": properties | more.pop("properties", {}),
        **more,
    }


def _bad_entries() -> Iterator[Any]:
    yield from ENTRIES.values()
    for value in JUNK:
        for name in ("body", "headers", "content-type", "content-encoding", "properties"):
            changed: dict[str, Any] = {name: {"delivery_info": value} if name == "properties" else value}
            yield _entry(**changed)
        for name in (
            "body_encoding",
            "delivery_tag",
            "delivery_info",
            "priority",
            "correlation_id",
            "reply_to",
        ):
            yield _entry(properties={name: value})


def test_no_entry_of_a_list_that_is_no_message_ends_a_worker(worker: WorkerProcess) -> None:
    broker = redis.Redis.from_url(current_app.conf.broker_url)
    faulty = 0
    for entry in _bad_entries():
        raw = entry if isinstance(entry, bytes) else json.dumps(entry).encode()
        broker.lpush("orchestration", raw)
        faulty += isinstance(entry, bytes) or fault_of_entry(json.loads(raw)) is not None
    broker.close()
    assert faulty > 60
    _serves(worker)
    wait_until(
        lambda: sum(DeadLetter.objects.values_list("times", flat=True)) >= faulty, "each is set aside", 60
    )


def test_a_good_event_is_taken_in_behind_all_of_that(worker: WorkerProcess) -> None:
    envelope = {
        "specversion": "1.0",
        "id": "e-9",
        "type": "a.happened",
        "source": "t",
        "key": "k",
        "data": {},
    }
    publish_raw(
        _call(envelope={**envelope, "id": "\0"}), headers=_headers(task="orchestration.receive_event")
    )
    publish_raw(_call(envelope=sealed(envelope)), headers=_headers(task="orchestration.receive_event"))
    wait_until(lambda: InboxMessage.objects.filter(event_id="e-9").exists(), "it has come", 30)
    assert worker.is_alive
