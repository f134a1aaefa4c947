"""A worker frozen between its claim and its call, and what becomes of its saga meanwhile. For the tests of late effects."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection

from orchestration.crash.points import listening
from orchestration.engine.messages.transport import use_transport
from orchestration.engine.steps.delivering import perform
from orchestration.errors import OutcomeUnknown
from orchestration.operations.replaying import compare_with_history
from orchestration.testing import SagaRun
from orchestration.verification import run_invariants
from tests.orchestration import sample
from tests.orchestration.deliveries import message
from tests.orchestration.sample import effects, provider


class Zombie:
    """A worker with a connection of its own, frozen between its claim and its call."""

    def __init__(self, run: SagaRun) -> None:
        self.run, self._frozen, self._wake = run, threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._work, name="zombie")

    def freeze(self) -> None:
        with listening(self._listen):
            self._thread.start()
            assert self._frozen.wait(10)

    def wake(self) -> None:
        self._wake.set()
        self._thread.join(20)
        assert not self._thread.is_alive()

    def _listen(self, point: str, direction: str, step: str, *_: Any) -> None:
        if point == "K7" and threading.current_thread() is self._thread:
            self._frozen.set()
            assert self._wake.wait(60)

    def _work(self) -> None:
        try:
            with use_transport(self.run.transport):
                perform(sample.do_charge, message(self.run, "charge", after=("sample.register",)))
        finally:
            connection.close()


@contextmanager
def frozen_in_charge(run: SagaRun) -> Iterator[Zombie]:
    run.until(lambda each: "sample.register" in each.done)
    zombie = Zombie(run)
    zombie.freeze()
    try:
        yield zombie
    finally:
        zombie.wake()


def lose_answer(monkeypatch: pytest.MonkeyPatch, *, acts: bool) -> None:
    act = sample.do_charge.act

    def lost(command: Any, context: Any) -> Any:
        if acts:
            act(command, context)
        raise OutcomeUnknown("no answer")

    monkeypatch.setattr(sample.do_charge, "act", lost)


def carry_on_to_the_end(run: SagaRun) -> SagaRun:
    """Deliver and let time pass until nothing is due any more."""
    for _ in range(200):
        if not run.carry_one():
            if run.saga.wake_at is None:
                return run
            run.skip(30)
    raise AssertionError("it never comes to rest")


def assert_in_place(run: SagaRun) -> None:
    assert [text for result in run_invariants() for text in result.violations] == []
    assert compare_with_history(run.id).differences == []


def ended_without_it(run: SagaRun) -> SagaRun:
    run.until(lambda each: each.state == "compensated")
    assert (run.step("sample.charge").state, provider.count("charge")) == ("absent", 0)
    assert effects(run.id)[-1] == "say_sorry:scripted"
    return run
