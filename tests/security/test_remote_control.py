"""Whoever may write to the broker may ask a worker how it is, and can make it do nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from celery import current_app
from celery.worker.control import Panel
from django.utils import timezone

from config.remote_control import ANSWERED
from orchestration.models import QueueProbe
from tests.bootstrap.running_system import wait_until
from tests.orchestration.worker_process import WorkerProcess, empty, worker_process

QUEUE = "orchestration"
PATIENCE = 20.0
"""Seconds a worker has to answer; it needs milliseconds."""

REVOKED = str(uuid4())
ABUSE: dict[str, dict[str, Any]] = {
    "add_consumer": {"queue": "celery"},
    "autoscale": {"max": 1, "min": 0},
    "cancel_consumer": {"queue": QUEUE},
    "disable_events": {},
    "election": {"id": "x", "topic": "task", "action": {}},
    "heartbeat": {},
    "hello": {"from_node": "celery@stranger", "revoked": [REVOKED]},
    "memdump": {},
    "memsample": {},
    "objgraph": {},
    "pool_grow": {"n": 50},
    "pool_restart": {"modules": ["antigravity"], "reload": True},
    "pool_shrink": {"n": 1},
    "rate_limit": {"task_name": "orchestration.answer_probe", "rate_limit": "1/h"},
    "report": {},
    "revoke": {"task_id": REVOKED, "terminate": True, "signal": "SIGKILL"},
    "revoke_by_stamped_headers": {"headers": {"stamp": REVOKED}, "terminate": True},
    "shutdown": {},
    "terminate": {"signal": "SIGKILL", "task_id": REVOKED},
    "time_limit": {"task_name": "orchestration.answer_probe", "hard": 1, "soft": 1},
}  # fmt: skip
_ASKED: dict[str, dict[str, Any]] = {"query_task": {"ids": [REVOKED]}, "conf": {"with_defaults": True}}


@pytest.fixture
def worker(process_environment: dict[str, str], transactional_db: None) -> Iterator[WorkerProcess]:
    empty(QUEUE)
    # With mingle, as a worker that another project starts: it says hello and is answered.
    with worker_process(process_environment, "-c", "2", queues=(QUEUE,)) as running:
        yield running


def _tell(command: str, **arguments: Any) -> Any:
    replies: list[Any] = []

    def answered() -> bool:
        # Again and again: a fan-out reaches nobody who has not yet subscribed, and Redis' transport does so after it is ready.
        told = current_app.control.broadcast(command, arguments=arguments, reply=True, timeout=2, limit=1)
        replies.extend(told or [])
        return bool(replies)

    wait_until(answered, f"the worker answers {command}", PATIENCE)
    (answer,) = replies[0].values()
    return answer


def test_every_command_of_celery_is_either_a_question_or_tried_here() -> None:
    """A new Celery that brings a new command makes somebody decide about it."""
    assert set(Panel.data) == ANSWERED | set(ABUSE)


def test_no_answer_tells_a_secret(worker: WorkerProcess, process_environment: dict[str, str]) -> None:
    names = ("SECRET_KEY", "ORDERLY_GATEWAY_SECRET", "ORDERLY_CARRIER_SECRET", "ORDERLY_API_TOKENS")
    secrets = [process_environment[name] for name in names]
    for address in ("DATABASE_URL", "CELERY_BROKER_URL"):
        secrets.append(urlsplit(process_environment[address]).password or "")
    told = json.dumps([_tell(question, **_ASKED.get(question, {})) for question in sorted(ANSWERED)])
    assert "task_acks_late" in told
    assert [secret for secret in secrets if not secret or secret in told] == []


def test_a_worker_answers_questions_and_obeys_nothing(worker: WorkerProcess) -> None:
    before = _tell("stats")["pool"]
    for command, arguments in ABUSE.items():
        answer = _tell(command, **arguments)
        if command == "hello":
            assert answer["revoked"] == []
        else:
            assert answer == {"error": f"{command} is refused: this worker answers questions only"}
    assert _tell("no_such_command") == {"error": "KeyError('no_such_command')"}

    assert worker.is_alive
    assert _tell("ping") == {"ok": "pong"}
    assert _tell("stats")["pool"]["processes"] == before["processes"]
    assert [queue["name"] for queue in _tell("active_queues")] == [QUEUE]
    assert _tell("revoked") == []
    asked_at = timezone.now()
    # The worker's heartbeat may have asked by itself.
    QueueProbe.objects.update_or_create(queue=QUEUE, defaults={"asked_at": asked_at, "proven_at": None})
    current_app.send_task(
        "orchestration.answer_probe",
        kwargs={"queue": QUEUE, "asked_at": asked_at.isoformat()},
        task_id=REVOKED,
        queue=QUEUE,
        ignore_result=True,
    )
    wait_until(
        lambda: QueueProbe.objects.get(queue=QUEUE).proven_at == asked_at, "the task has run", PATIENCE
    )
    assert "remote control: shutdown was refused" in worker.log.read_text()
