"""Asking for workers on a broker of one's own answers quickly, in words, whatever the broker does."""

from __future__ import annotations

import socket
import time

import pytest
from celery import Celery

from orders.batch import workers


def use_broker(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    # Celery prefers the environment's address to the application's own.
    monkeypatch.setenv("CELERY_BROKER_URL", url)
    monkeypatch.setattr(workers, "current_app", Celery("nobody", broker=url, set_as_current=False))


def test_a_broker_that_is_not_there_is_said_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    use_broker(monkeypatch, f"redis://127.0.0.1:{port}/0")
    began = time.monotonic()
    said = workers.missing_workers()
    assert said is not None
    assert said.startswith("the broker cannot be reached")
    assert "manage.py up" in said
    assert time.monotonic() - began < 8


def test_a_broker_without_workers_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    use_broker(monkeypatch, "memory://")
    monkeypatch.setattr(workers, "ANSWER_WITHIN", 0.3)
    assert workers.missing_workers() == "no worker is running; start everything with 'python3 manage.py up'"
