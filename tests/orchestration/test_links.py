"""What becomes of the rest of a chain: sent, asked in place, or dropped; and what Flower is told of steps without a message."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest

from orchestration.broker import ahead as celery_ahead
from orchestration.broker import links as celery_links
from orchestration.broker.ahead import ahead_of, show
from orchestration.broker.canvas import ADVANCE
from orchestration.broker.links import Links
from orchestration.errors import SendFailed, StepRejected

SAGA = uuid4()


def _link(step: str, **options: Any) -> dict[str, Any]:
    return {
        "task": step,
        "args": [],
        "kwargs": {"step": step},
        "options": {"queue": "sample", "task_id": step, **options},
    }


def _asks() -> dict[str, Any]:
    return {
        "task": ADVANCE,
        "args": [],
        "kwargs": {},
        "options": {"queue": "orchestration", "task_id": "asks"},
    }


def _request(*links: dict[str, Any], **more: Any) -> Any:
    known = {
        "chain": list(reversed(links)),
        "callbacks": None,
        "chord": None,
        "group": None,
        "id": "t",
        "root_id": "r",
    }
    return SimpleNamespace(**(known | more))


def _task(request: Any, app: Any) -> Any:
    return SimpleNamespace(request=request, app=app)


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was asked in place, knocked at, or sent."""
    told: list[Any] = []
    monkeypatch.setattr(celery_links, "advance", lambda saga: told.append("asked"))
    monkeypatch.setattr(celery_links, "knock", lambda saga: told.append("knocked"))

    def send(links: list[dict[str, Any]], **_: Any) -> bool:
        told.append([link["task"] for link in links])
        return True

    monkeypatch.setattr(celery_links, "send_link", send)
    return told


def test_the_next_link_is_sent_with_those_behind_it_and_celery_sends_nothing_more(done: list[Any]) -> None:
    request = _request(_link("b"), _link("c"), _asks())
    Links(request).carry_on(SAGA)
    assert (done, request.chain) == ([[ADVANCE, "c", "b"]], None)


def test_what_was_done_in_place_is_not_sent_again(done: list[Any]) -> None:
    request = _request(_link("b"), _link("c"), _asks())
    Links(request).carry_on(SAGA, without=["b"])
    assert done == [[ADVANCE, "c"]]


@pytest.mark.parametrize("without", [["b", "c"], ["c", "b"], ["b", "elsewhere"]])
def test_at_the_end_of_a_chain_and_off_its_way_the_rows_are_asked_in_place(
    without: list[str], done: list[Any]
) -> None:
    request = _request(_link("b"), _link("c"), _asks())
    Links(request).carry_on(SAGA, without=without)
    assert (done, request.chain) == (["asked"], None)


def test_a_question_that_fails_in_place_is_sent_after_all(
    done: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(saga: UUID) -> None:
        raise SendFailed("the broker is away")

    monkeypatch.setattr(celery_links, "advance", fail)
    at_the_end, off_the_way = _request(_asks()), _request(_link("b"), _asks())
    Links(at_the_end).carry_on(SAGA)
    Links(off_the_way).carry_on(SAGA, without=["elsewhere"])
    assert [link["task"] for link in at_the_end.chain] == [ADVANCE]
    assert [link["task"] for link in off_the_way.chain] == [ADVANCE]


def test_what_the_broker_does_not_take_is_left_to_celery_which_tries_again(
    done: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(links: Any, **_: Any) -> bool:
        raise ConnectionError

    monkeypatch.setattr(celery_links, "send_link", refuse)
    request = _request(_link("b"), _asks())
    Links(request).carry_on(SAGA)
    assert [link["task"] for link in request.chain] == [ADVANCE, "b"]


def test_a_branch_of_a_chord_does_not_run_ahead() -> None:
    app = SimpleNamespace(amqp=SimpleNamespace(queues=SimpleNamespace(consume_from={"sample": None})))
    ahead = ahead_of(_task(request=_request(_link("b"), _asks()), app=app))
    assert ahead is not None
    assert (ahead.queues, ahead.task_ids(), ahead.task_ids()) == (frozenset({"sample"}), "t.2", "t.3")
    for branch in (
        _request(chord={}),
        _request(group="g"),
        _request(_link("b", chord={})),
        _request(_link("b", group_index=0)),
    ):
        assert ahead_of(_task(request=branch, app=app)) is None


def _attempt(step: str, task_id: str, began: float, ended: float, error: StepRejected | None) -> Any:
    """What an attempt says of itself afterwards."""
    message, reference = SimpleNamespace(step=step, task_id=task_id), SimpleNamespace(task=step)
    return SimpleNamespace(message=message, reference=reference, began=began, ended=ended, error=error)


def test_flower_is_told_of_each_step_as_of_a_task_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    monkeypatch.setattr(celery_ahead, "tell", lambda hostname, events: told.extend(events))
    app = SimpleNamespace(conf=SimpleNamespace(worker_send_task_events=True))
    task = _task(request=_request(hostname="worker@here"), app=app)
    fine = _attempt("sample.confirm", "t.2", 10.0, 10.5, None)
    refused = _attempt("sample.charge", "t.3", 10.5, 10.75, StepRejected("no"))
    show(task, [fine, refused], {"saga": str(SAGA), "order": ""})
    assert [(kind, fields["uuid"]) for kind, fields in told] == [
        ("task-received", "t.2"),
        ("task-started", "t.2"),
        ("task-succeeded", "t.2"),
        ("task-received", "t.3"),
        ("task-started", "t.3"),
        ("task-failed", "t.3"),
    ]
    received, ended = told[0][1], told[2][1]
    assert (received["name"], received["root_id"], received["parent_id"]) == ("sample.confirm", "r", "t")
    assert received["kwargs"] == repr({"step": "sample.confirm", "saga": str(SAGA)})
    assert ended["timestamp"] - received["timestamp"] == pytest.approx(0.5)
