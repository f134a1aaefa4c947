"""Flower, told rubbish by whoever may write to the broker: it goes on showing what workers say."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from config.system.boot.paths import PROJECT
from config.system.servers.ports import free_port
from tests.bootstrap.running_system import wait_until
from tests.broker.test_broadcasts import EVENT, broker, channel_of, events, message_of

__all__ = ["broker"]


class Running:
    """A Flower of its own process, and what it said last."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.said = ""

    def status(self, path: str, body: bytes | None = None) -> int:
        login = base64.b64encode(b"admin:secret").decode()
        asked = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", body, {"Authorization": f"Basic {login}"}
        )
        try:
            with urllib.request.urlopen(asked, timeout=20) as answer:  # noqa: S310 - of this machine
                self.said = answer.read().decode()
                return int(answer.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code
        except OSError:
            return 0


@pytest.fixture
def flower(process_environment: dict[str, str], tmp_path: Path) -> Iterator[Running]:
    port = free_port()
    command = [
        sys.executable, "-m", "config.system.flower_process", "-A", "config.celery", "flower", "--read-only", "--address=127.0.0.1",
        f"--port={port}", "--logging=error", "--max-tasks=5000",
    ]  # fmt: skip
    with (tmp_path / "log").open("wb") as out:
        process = subprocess.Popen(
            command, cwd=PROJECT, stdout=out, stderr=out, start_new_session=True,
            env={**process_environment, "FLOWER_BASIC_AUTH": "admin:secret"},
        )  # fmt: skip
    running = Running(port)
    try:
        wait_until(lambda: running.status("/healthcheck") == 200, "Flower is ready", 60)
        yield running
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(20)


_COLUMNS = ("name", "uuid", "state", "args", "kwargs", "result", "received", "started", "runtime", "worker")
_PAGES = (
    "/",
    "/workers",
    "/tasks",
    "/broker",
    "/metrics",
    "/healthcheck",
    "/task/good-1",
    "/api/tasks?limit=100",
    "/api/workers",
    "/api/task/types",
)
_KINDS = (
    "worker.heartbeat", "worker.online", "worker.offline", "worker.x", "task.received", "task.started", "task.succeeded", "task.failed",
    "task.retried", "task.x", "x",
)  # fmt: skip
_TASK: dict[str, Any] = {
    "uuid": "good-1", "name": "a.b", "args": "[]", "kwargs": "{}", "retries": 0, "eta": None, "expires": None, "root_id": None,
    "parent_id": None,
}  # fmt: skip
_ODD: tuple[Any, ...] = (
    "",
    "x",
    "\ud800",
    5,
    -1,
    1e308,
    float("nan"),
    None,
    True,
    [],
    {},
    "\0",
    int("9" * 4300),
)
_FIELDS = (
    *_TASK, "timestamp", "runtime", "result", "received", "started", "local_received", "utcoffset", "state", "worker", "clock", "exception",
    "traceback", "routing_key", "queue", "children", "root", "parent", "signum", "client", "event", "ready", "heartbeats", "freq", "loadavg",
    "pid", "hostname",
)  # fmt: skip


def _list(column: str) -> bytes:
    asked = {
        "draw": 1,
        "start": 0,
        "length": 100,
        "search[value]": "",
        "order[0][column]": 0,
        "order[0][dir]": "asc",
    }
    return urllib.parse.urlencode({**asked, "columns[0][data]": column}).encode()


def _tell(broker: redis.Redis, kind: str, **said: Any) -> None:
    event = {**EVENT, **_TASK, "timestamp": time.time(), "type": kind.replace(".", "-"), **said}
    broker.publish(
        channel_of(f"celeryev/{kind}"), message_of(event, {"hostname": "other@x"}, "celeryev", kind)
    )


def test_it_goes_on_showing_what_workers_say(flower: Running, broker: redis.Redis) -> None:
    def shows(task: str) -> bool:
        _tell(broker, "worker.heartbeat", hostname="good@x")
        _tell(broker, "task.received", hostname="good@x", uuid=task)
        return flower.status("/tasks/datatable", _list("name")) == 200 and task in flower.said

    wait_until(lambda: shows("good-1"), "it shows a task", 30)
    for kind in _KINDS:
        for event in events(kind):
            broker.publish(channel_of(f"celeryev/{kind}"), event)
        for place, name in enumerate(_FIELDS):
            for number, value in enumerate(_ODD):
                _tell(broker, kind, **{"uuid": f"odd-{kind}-{place}-{number}", name: value})
    wait_until(lambda: shows("good-2"), "it shows a later task", 60)
    answers = {page: flower.status(page) for page in _PAGES}
    answers |= {column: flower.status("/tasks/datatable", _list(column)) for column in _COLUMNS}
    assert {page: status for page, status in answers.items() if status != 200} == {}
