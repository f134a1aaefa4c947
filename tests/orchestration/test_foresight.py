"""What follows a step, told before it is recorded: only where the rows leave no doubt."""

from __future__ import annotations

from orchestration import (
    Message,
    SagaDefinition,
    choice,
    give_up,
    local,
    nothing,
    parallel,
    saga,
    step,
    wait_for,
)
from orchestration.core.definition import registry
from orchestration.core.definition.nodes import Node
from orchestration.core.planning.foresight import Ends, Follows, Known, Unclear, foresee


class Thing(Message):
    """What the sagas here are about."""

    name: str = ""


class Big(Message):
    """One answer."""


class Small(Message):
    """The other."""


_NEVER = nothing("a test is never undone")
_a, _b, _c = (step(local(f"fore.{name}", takes=Thing), undo=_NEVER) for name in "abc")
_weigh_reference = local("fore.weigh", takes=Thing, gives=Big | Small)
_weigh = step(_weigh_reference, undo=_NEVER)


def _done(*names: str, **more: Known) -> dict[tuple[str, str], Known]:
    return {(f"fore.{name}", "forward"): more.get(name, Known("forward", "done")) for name in names}


def _define(name: str, flow: Node) -> SagaDefinition:
    definition = saga(f"fore.{name}", version=1, input=Thing, flow=flow)
    registry.forget(definition)
    return definition


CHAIN = _define("chain", _a | _b | _c)
FORK = _define("fork", _a | parallel(_b, _c))
CHOICE = _define("choice", _weigh | choice(_weigh_reference, {Big: _b, Small: _c}))
WAIT = _define("wait", _a | wait_for("fore.event", within=60, otherwise=give_up))


def test_a_chain_goes_on_with_the_next_step_and_ends_with_the_last() -> None:
    assert foresee(CHAIN, _done("a")) == Follows(("fore.b",))
    assert foresee(CHAIN, _done("a", "b", "c")) == Ends()


def test_branches_follow_all_at_once_and_one_after_the_other() -> None:
    assert foresee(FORK, _done("a")) == Follows(("fore.b", "fore.c"))
    assert foresee(FORK, _done("a", "c")) == Follows(("fore.b",))
    assert foresee(FORK, _done("a", "b", "c")) == Ends()


def test_a_choice_follows_the_result_that_is_about_to_be_recorded() -> None:
    weighed = {kind: _done("weigh", weigh=Known("forward", "done", kind)) for kind in ("Big", "Small")}
    assert foresee(CHOICE, weighed["Big"]) == Follows(("fore.b",))
    assert foresee(CHOICE, weighed["Small"]) == Follows(("fore.c",))


def test_what_is_at_work_late_undone_or_skips_the_rest_is_for_the_lock() -> None:
    for doubtful in (
        _done("a", "b", b=Known("forward", "running")),
        _done("a", "b", b=Known("forward", "pending")),
        _done("a", "b", b=Known("forward", "done", late=True)),
        _done("a", "b", b=Known("forward", "done", skip_rest=True)),
        {**_done("a", "b"), ("fore.a", "undo"): Known("undo", "done")},
    ):
        assert foresee(CHAIN, doubtful) == Unclear()


def test_waits_are_opened_under_the_lock_and_sagas_that_have_one_end_under_it() -> None:
    assert foresee(WAIT, _done("a")) == Unclear()
    waited = {**_done("a"), (_wait_name(), "forward"): Known("forward", "done")}
    assert foresee(WAIT, waited) == Unclear()


def _wait_name() -> str:
    return next(iter(WAIT.waits))
