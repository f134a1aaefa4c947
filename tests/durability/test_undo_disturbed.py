"""The undo scenarios in which deliveries, workers, the broker or the database go wrong, by their numbers.

Death, zombies and losses are exact here, because messages are carried by hand; `test_undo_processes.py` has 8, 19 and 20
with real processes, and `manage.py crash_matrix` kills them at every point of an undo.
"""

from __future__ import annotations

from typing import Any

import pytest
from django.db import OperationalError, connection

from orchestration.crash.points import listening
from orchestration.errors import SendFailed
from tests.durability.chain import (
    effects,
    forked,
    provider,
)
from tests.durability.chain_by_hand import freeze, start, wake
from tests.durability.processes import Death, Fate, Processes

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("empty_chain")]


@pytest.mark.parametrize("point", ["K13", "K14", "K10"])
def test_08_a_worker_dies_in_the_middle_of_undo_and_another_goes_on(point: str) -> None:
    run = start(reject_at="chain.d")
    run.until(lambda each: each.state == "compensating")
    processes, fate = Processes(run.transport), Fate("die", point, step="chain.b")
    with listening(processes.reach):
        for _ in range(30):
            try:
                processes.run(run.carry_one, fate)
            except Death:
                break
    assert fate.met
    run.until_rest()
    assert (run.state, effects("undo")) == ("compensated", "cba")


def test_09_the_undo_of_a_step_that_timed_out_comes_first_and_the_late_step_is_refused() -> None:
    run = start()
    processes = freeze(run, "chain.c")
    run.skip(16).cancel().until_rest()
    assert (run.state, run.step("chain.c").state) == ("cancelled", "absent")
    wake(processes)
    assert (effects(), effects("undo")) == ("ab", "ba")
    assert run.saga.history.filter(kind="late_failure", step="chain.c").exists()


@pytest.mark.parametrize("habit", [{"doubled": True}, {"swapped": True}, {"doubled": True, "swapped": True}])
@pytest.mark.parametrize("step", "abcd")
def test_10_and_11_every_message_twice_and_every_two_neighbours_swapped(step: str, habit: Any) -> None:
    run = start(reject_at=f"chain.{step}", **habit).until_rest()
    done = "abcd"[: "abcd".index(step)]
    assert (effects(), effects("undo")) == (done, done[::-1])
    assert run.transport.carried <= 60


def test_15_the_deadline_passes_while_a_step_acts_and_its_late_success_is_undone() -> None:
    run = start()
    processes = freeze(run, "chain.c")
    run.skip(3601)
    assert run.state == "compensating"
    assert effects("undo") == ""
    wake(processes)
    run.until_rest()
    assert run.state == "compensated"
    assert effects() in ("abc", "ab")  # it acted before its key was refused, or was refused
    assert effects("undo") == effects()[::-1]
    assert (run.saga.failure or {})["kind"] == "deadline"


def test_16_a_branch_that_acts_while_another_fails_is_awaited_and_then_undone() -> None:
    run = start(forked, reject_at="chain.c")
    processes = freeze(run, "chain.b")
    while run.carry_one():
        pass
    run.skip(4)
    while run.carry_one():
        pass
    assert (run.state, effects("undo")) == ("compensating", "")
    wake(processes)
    run.until_rest()
    assert (run.state, effects(), effects("undo")) == ("compensated", "ab", "ba")


@pytest.mark.parametrize("direction", ["forward", "undo"])
def test_19_the_broker_is_down_for_ten_minutes(direction: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run = start(reject_at="chain.d" if direction == "undo" else ())
    run.until(lambda each: "chain.b" in each.done)
    if direction == "undo":
        run.until(lambda each: each.state == "compensating")

    def refuse(*_: Any) -> None:
        raise SendFailed("down")

    with monkeypatch.context() as patch:
        patch.setattr(run.transport, "_put", refuse)
        run.transport.lose_everything()
        for _ in range(10):
            try:
                run.skip(60)
            except SendFailed:
                continue
    run.until_rest()
    assert effects() == ("abcd" if direction == "forward" else "abc")
    assert effects("undo") == ("" if direction == "forward" else "cba")


@pytest.mark.parametrize("how", ["before", "after", "session ended"])
def test_20_the_database_is_lost_for_one_commit_and_the_effect_is_found_by_its_key(how: str) -> None:
    run = start()
    lost: list[str] = []

    def lose(point: str, direction: str, step: str) -> None:
        if step != "chain.b" or lost or point != ("K10" if how == "after" else "K9"):
            return
        lost.append(point)
        if how == "session ended":
            connection.connection.close()  # under Django's feet, as a server does
        else:
            raise OperationalError("the server is gone")

    with listening(lose):
        for _ in range(20):
            try:
                if not run.carry_one():
                    break
            except OperationalError:
                continue
    assert lost
    run.until_rest()
    assert (run.state, effects()) == ("completed", "abcd")
    key = next(effect.key for effect in provider.effects.values() if effect.step == "chain.b")
    assert provider.calls[key] == 1
