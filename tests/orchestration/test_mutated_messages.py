"""Ten thousand damaged messages: none ends the worker, none is taken for news, and no saga moves."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any
from uuid import uuid4

import pytest
from celery import current_app

from orchestration import tasks
from orchestration.broker import consumer
from orchestration.broker.consumer import CarefulConsumer
from orchestration.conf import engine_settings
from orchestration.engine.messages.envelope import check_envelope
from orchestration.engine.messages.seals import sealed, unsealed
from orchestration.errors import InvalidEnvelope
from orchestration.models import InboxDelivery, InboxMessage, Saga, SagaEvent, SagaStep
from orchestration.testing import SagaRun
from tests.orchestration.mutants import WireMessage, mutants
from tests.orchestration.sample import TripInput, trip

MANY = 10_000
EVENT, TASK = "sample.seat_free", "orchestration.receive_event"


class Worker(CarefulConsumer):
    """A consumer without a broker, whose pool runs what it takes at once."""

    def __init__(self) -> None:
        self.app = current_app
        self.strategies = dict.fromkeys(current_app.tasks, self._run)
        self.on_task_message: set[Any] = set()
        self.call_soon_ack = lambda *_: None  # type: ignore[method-assign]  # there is nobody to answer
        self.restart_count, self._maximum_prefetch_restored = 0, True
        self.connection_errors, self.channel_errors = (KeyError, OSError), ()  # as Redis' transport has them
        self._redelivered = Counter()
        self.ran = 0

    def _run(self, message: Any, *_: Any) -> None:
        args, kwargs, _embedded = message.decode()
        self.ran += 1
        try:
            current_app.tasks[message.headers["task"]].run(*args, **kwargs)
        except Exception as error:
            raise AssertionError(f"a task fails with {error!r}: {message.body[:500]!r}") from error

    def _restore_prefetch_count_after_connection_restart(self, *_: Any) -> None: ...


def _is_news(message: WireMessage, good: dict[str, Any]) -> bool:
    """Whether it still says what the saga waits for, by rules of its own."""
    try:
        match message.decode():
            case [
                [],
                {"envelope": {"key": key, "type": kind, "data": {"seat": str()} as data} as told},
                _,
            ] if len(data) == 1:
                unsealed(check_envelope(told, most_bytes=10**9))
                return bool(key == good["key"] and kind == good["type"] and told["source"] == good["source"])
    except (ValueError, InvalidEnvelope):
        pass
    return False


def _rows() -> list[Any]:
    """Everything that a saga is, but for the count of its history's entries."""
    sagas = [{**row, "last_seq": None} for row in Saga.objects.order_by("id").values()]
    return [sagas, list(SagaStep.objects.order_by("id").values())]


def test_of_ten_thousand_damaged_messages_none_raises_and_none_moves_a_saga(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = SagaRun(trip, TripInput(name="Ada", full=True)).until_rest()
    assert run.state == "waiting"
    good = {
        "specversion": "1.0", "id": "e-1", "source": "sample", "type": EVENT, "time": "2026-03-01T10:00:00Z",
        "dataschema": f"{EVENT}/v1", "key": run.saga.business_key, "data": {"seat": "12A"},
    }  # fmt: skip
    aside: Counter[str] = Counter()
    monkeypatch.setattr(consumer._writer, "write", lambda letter, then: aside.update([letter.reason]))
    monkeypatch.setattr(tasks, "set_aside", lambda letter: aside.update([letter.reason]))
    before = _rows()
    told = set(SagaEvent.objects.values_list("id", flat=True))
    worker = Worker()
    take = worker.create_task_handler()

    tried = 0
    for message in mutants(good, TASK, seed=33):
        if _is_news(message, good):
            continue
        take(message)
        tried += 1
        if tried == MANY:
            break

    assert _rows() == before
    assert set(SagaEvent.objects.exclude(id__in=told).values_list("kind", flat=True)) == {"event_misfit"}
    assert not InboxDelivery.objects.filter(state="applied").exists()
    # It looked at something: every reason was met, and many came as far as the inbox.
    assert set(aside) == {"malformed", "undecodable", "too_large", "bad_event", "unknown_task"}
    assert min(aside.values()) > 20
    misfits = InboxDelivery.objects.filter(state="due")
    told_why = {delivery.reason.split(":")[0].split(";")[-1].strip() for delivery in misfits}
    assert told_why == {"its data does not fit", "this wait takes it from sample only"}
    assert SagaEvent.objects.exclude(id__in=told).count() == misfits.count() > 20
    assert InboxMessage.objects.count() > 50

    take(WireMessage(json.dumps([[], {"envelope": sealed(good)}, {}]).encode(), {"task": TASK}))
    assert InboxDelivery.objects.filter(state="applied").count() == 1


def test_a_message_for_the_engine_that_keeps_coming_back_is_set_aside(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    letters: list[str] = []
    monkeypatch.setattr(consumer._writer, "write", lambda letter, then: letters.append(letter.reason))
    worker = Worker()
    monkeypatch.setattr(worker, "_run", lambda *_: None)
    worker.strategies = dict.fromkeys(current_app.tasks, lambda *_: None)
    take = worker.create_task_handler()
    again = {"routing_key": "orchestration", "redelivered": True}
    body = json.dumps([[], {"saga": str(uuid4())}, {}]).encode()
    steps = json.dumps([[], {"saga": str(uuid4()), "step": "sample.seat", "epoch": 1}, {}]).encode()
    for _ in range(engine_settings().MAX_CRASHES):
        take(WireMessage(body, {"task": "orchestration.advance", "id": "a"}, delivery_info=again))
        take(WireMessage(body, {"task": "orchestration.advance", "id": "b"}))
        take(WireMessage(steps, {"task": "sample.book_seat", "id": "c"}, delivery_info=again))
    assert letters == []
    take(
        WireMessage(steps, {"task": "sample.book_seat", "id": "c"}, delivery_info=again)
    )  # its row counts it
    assert letters == []
    take(WireMessage(body, {"task": "orchestration.advance", "id": "a"}, delivery_info=again))
    assert letters == ["kills_worker"]
