"""What a base Task or an annotation of the project changes about our tasks is put right by themselves, or `check` names it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from celery import Celery, Task, current_app
from django.db import transaction

import orchestration.tasks
from orchestration.broker.project_checks import check_celery
from orchestration.broker.task_checks import check_tasks, references


class Hurried(Task[..., Any]):
    """A base Task as a project writes it for its own."""

    abstract = True
    autoretry_for = (Exception,)
    retry_backoff = True
    acks_late = False
    reject_on_worker_lost = False
    expires = 60


class Limited(Task[..., Any]):
    abstract = True
    soft_time_limit = 20
    time_limit = 25


Apps = Iterator[Any]


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Make a Celery app the current one, with these settings."""
    for name in ("CELERY_BROKER_URL", "CELERY_RESULT_BACKEND"):
        monkeypatch.delenv(name, raising=False)  # Celery prefers them to what it is told
    before: Any = current_app
    before = before._get_current_object()

    def made(base: type[Task[..., Any]] = Task, **conf: Any) -> Celery:
        found = Celery("made", task_cls=base)
        found.conf.update(conf)
        found.set_current()
        return found

    yield made
    before.set_current()


def ids() -> dict[str, str]:
    """What is said of the task of `sample.charge`, which may take 30 s."""
    told = {str(each.id): each.msg for each in check_tasks() if "sample.charge " in each.msg}
    return {name.removeprefix("orchestration."): message for name, message in told.items()}


def test_no_base_task_makes_ours_retry_run_out_or_get_lost(app: Any) -> None:
    tasks: Any = app(Hurried).tasks
    for name in ("sample.charge", "sample.charge.settle", orchestration.tasks.advance.name):
        task = tasks[name]
        assert Hurried in type(task).__mro__
        kept = (task.acks_late, task.reject_on_worker_lost, task.expires, task.autoretry_for)
        assert kept == (True, True, None, ())
        assert not hasattr(task, "_orig_run")  # which Celery keeps of a task that it has wrapped to retry it
    assert check_tasks() == []


@pytest.mark.parametrize(
    "given",
    [
        {"base": Limited},
        {"task_annotations": {"sample.charge": {"time_limit": 30}}},
        {"task_annotations": {"*": {"soft_time_limit": 5}}},
        {"task_time_limit": 10},
    ],
)
def test_a_limit_is_seen_wherever_it_stands(app: Any, given: dict[str, Any]) -> None:
    app(**given)
    assert "sample.charge may take 30 s, and Celery ends it after" in ids()["E307"]


class Patient(Task[..., Any]):
    abstract = True
    soft_time_limit = 40


def test_a_limit_that_is_long_enough_is_none(app: Any) -> None:
    app(Patient, task_time_limit=5)  # the class's own soft limit does not undo the setting
    assert "after 5 s" in ids()["E307"]
    app(Patient, task_time_limit=50)
    assert ids() == {}


def test_what_annotations_change_is_named(app: Any) -> None:
    changed = {"acks_late": False, "reject_on_worker_lost": False, "expires": 9}
    app(task_annotations={"sample.charge": changed})
    told = ids()
    assert set(told) == {"E310", "W311"}
    assert "without acks_late and reject_on_worker_lost" in told["W311"]


def _in_a_transaction(call: Any) -> Any:
    def atomic(*args: Any, **kwargs: Any) -> Any:
        with transaction.atomic():
            return call(*args, **kwargs)

    return atomic


def test_a_call_that_annotations_wrap_in_a_transaction_is_named(app: Any) -> None:
    app(task_annotations={"sample.charge": {"@__call__": _in_a_transaction}})
    assert [each.id for each in check_tasks()] == ["orchestration.E306"]


@pytest.mark.parametrize(
    ("broker", "told"),
    [
        ("redis://127.0.0.1:1/0", []),
        ("redis+socket:///run/valkey.sock", []),
        ("amqp://a//;amqp://b//", []),
        (["amqp://a//", "amqp://b//"], []),
        ("sentinel://a:1;sentinel://b:1", []),
        ("memory://", ["E313"]),
        ("memory://localhost/", ["E313"]),
        ("sqs://", ["W315"]),
        ("sqla+sqlite:///broker.db", ["W315"]),
        (None, ["W314"]),
    ],
)
def test_brokers_are_told_apart_however_they_are_written(app: Any, broker: Any, told: list[str]) -> None:
    app(broker_url=broker, result_backend="redis://127.0.0.1:1/1")
    assert [str(each.id).partition(".")[2] for each in check_celery()] == told


@pytest.mark.parametrize(("later_by", "told"), [(0, ["orchestration.W317"]), (1, [])])
def test_the_broker_must_wait_longer_than_a_step_may_take(app: Any, later_by: int, told: list[str]) -> None:
    longest = max(reference.timeout for reference in references())  # other tests declare steps of their own
    app(
        broker_url="redis://127.0.0.1:1/0", result_backend="redis://127.0.0.1:1/1",
        broker_transport_options={"visibility_timeout": longest + later_by},
    )  # fmt: skip
    assert [each.id for each in check_celery()] == told


@pytest.mark.parametrize(
    ("backend", "counts"),
    [
        ("redis://127.0.0.1:1/1", True),
        ("redis+socket:///run/valkey.sock", True),
        ("sentinel://a:1;sentinel://b:1", True),
        ("django-db", True),
        ("cache+memcached://127.0.0.1:1/", True),
        ("cache+memory://", False),
        ("cache+memory:///", False),
        ("django-cache", False),
        ("file:///tmp", False),
        ("rpc://", False),
        ("disabled://", False),
        (None, False),
    ],
)
def test_result_backends_are_told_apart_by_what_they_count(app: Any, backend: Any, counts: bool) -> None:
    app(broker_url="redis://127.0.0.1:1/0", result_backend=backend)
    told = [] if counts else ["orchestration.E301"]
    assert [each.id for each in check_celery()] == told


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"worker_prefetch_multiplier": 0}, ["W316"]),
        ({"worker_prefetch_multiplier": 8}, []),
        ({"task_protocol": 1}, ["E312"]),
    ],
)
def test_what_else_the_broker_is_told(app: Any, given: dict[str, Any], told: list[str]) -> None:
    app(broker_url="redis://127.0.0.1:1/0", result_backend="redis://127.0.0.1:1/1", **given)
    assert [str(each.id).partition(".")[2] for each in check_celery()] == told
