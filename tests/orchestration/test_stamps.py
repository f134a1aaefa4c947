"""Chains that are frozen once and stamped: the messages are those that Celery's canvas would have sent."""

from __future__ import annotations

import json
import re
from typing import Any
from uuid import UUID, uuid4

import pytest
from celery import current_app
from celery.app.routes import prepare

from orchestration.broker import canvas as celery_canvas
from orchestration.broker import stamps
from orchestration.broker.canvas import CeleryTransport
from orchestration.core.planning.canvas import Call, Canvas, Fork
from orchestration.core.planning.states import Direction
from orchestration.engine.messages.transport import Address
from tests.orchestration.sample import trip

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def _call(step: str, *after: str) -> Call:
    return Call(f"sample.{step}", Direction.FORWARD, tuple(f"sample.{name}" for name in after))


CHAIN: Canvas = (_call("register"), _call("confirm", "register"), _call("send_ticket", "confirm"))
FORK: Canvas = (
    _call("register"),
    Fork(((_call("book_seat", "register"),), (_call("charge", "register"), _call("issue_ticket", "charge")))),
    _call("confirm", "book_seat", "issue_ticket"),
)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What Celery is asked to publish; nothing reaches the broker."""
    messages: list[Any] = []

    def keep(producer: Any, name: str, message: Any, **options: Any) -> None:
        queue = options["queue"]
        messages.append((name, getattr(queue, "name", queue), *message[:3]))

    monkeypatch.setattr(current_app.amqp, "send_task_message", keep)
    stamps._kept.clear()
    return messages


def _normal(message: Any, saga: UUID) -> Any:
    """A message as JSON, its ids numbered in the order in which they come; without addresses for answers, and what is only shown."""
    name, queue, headers, properties, body = message
    shown = {**headers, "kwargsrepr": None}
    rest = {**properties, "reply_to": None}, body
    text = re.sub(
        r'"reply_to": "[^"]*", ', "", json.dumps([name, queue, shown, *rest], sort_keys=True, default=list)
    )
    numbers: dict[str, str] = {str(saga): "the saga"}
    return _ID.sub(lambda found: numbers.setdefault(found[0], f"id {len(numbers)}"), text)


@pytest.mark.parametrize("reference", ["", 'N-7 "Ähre" \\ 50%'])
@pytest.mark.parametrize("canvas", [CHAIN, FORK], ids=["chain", "fork"])
def test_a_stamped_chain_is_the_message_that_canvas_would_have_sent(
    canvas: Canvas, reference: str, sent: list[Any]
) -> None:
    address = Address(uuid4(), 3, reference, trip)
    celery_canvas._whole(address, canvas).apply_async()
    for _ in range(2):  # the second time from what was kept
        CeleryTransport().send_canvas(address, canvas)
    by_canvas, *stamped = [_normal(message, address.saga_id) for message in sent]
    assert stamped == [by_canvas, by_canvas]


@pytest.mark.parametrize("canvas", [CHAIN, FORK, (FORK[1], FORK[2])], ids=["chain", "fork", "fork first"])
def test_no_route_of_the_project_moves_our_messages(
    canvas: Canvas, sent: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(current_app.amqp.router, "routes", prepare([{"*": {"queue": "elsewhere"}}]))
    CeleryTransport().send_canvas(Address(uuid4(), 1, "N-1", trip), canvas)
    CeleryTransport().send_knock(uuid4())
    assert {queue for _, queue, *_ in sent} == {"sample", "orchestration"}
    current_app.send_task("tours.of_the_project")
    assert sent[-1][1] == "elsewhere"


def test_two_sagas_share_no_id(sent: list[Any]) -> None:
    for _ in range(2):
        CeleryTransport().send_canvas(Address(uuid4(), 1, "N-1", trip), FORK)
    first, second = (set(_ID.findall(json.dumps(message, default=list))) for message in sent)
    assert first
    assert not first & second


def test_a_link_of_a_chord_is_left_to_celery(sent: list[Any]) -> None:
    options: dict[str, Any] = {"queue": "sample", "task_id": "1"}
    plain: dict[str, Any] = {"task": "sample.confirm", "args": [], "kwargs": {}, "options": options}
    assert stamps.send_link([plain])
    more: list[dict[str, Any]] = [{"chord": {}}, {"group_id": "2"}, {"priority": 3}]
    for marks in more:
        assert not stamps.send_link([{**plain, "options": options | marks}])
    assert not stamps.send_link([{**plain, "subtask_type": "chord"}])
    assert len(sent) == 1
