"""Whatever an author writes where: it is refused, or `check` names it, in words that say what to write and none of Python's."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from orchestration import (
    Message,
    RetryPolicy,
    choice,
    days,
    escalate,
    external,
    hours,
    local,
    minutes,
    nothing,
    parallel,
    saga,
    seconds,
    step,
    wait_for,
)
from orchestration.core.definition import registry
from orchestration.core.definition.validation import faults
from orchestration.errors import DefinitionError


class In(Message):
    name: str


class Out(Message):
    number: int


do, undo = local("faulty.do", takes=In, gives=Out), local("faulty.undo", takes=In)
plain = step(do, undo=undo)
after = step(undo, undo=nothing("it is an undo"))

RUBBISH: dict[str, Any] = {
    "None": None, "0": 0, "-1": -1, "1.5": 1.5, "nan": float("nan"), "infinity": float("inf"), "a huge number": 10**5_000,
    "True": True, "no text": "", "blank": " ", "a text": "x", "zero character": "a\0b", "half a pair": "\ud800",
    "a long text": "x" * 100_000, "bytes": b"x", "empty list": [], "list": [1], "list of texts": ["x"], "list of steps": [plain],
    "tuple": (plain, plain), "empty dict": {}, "dict": {"a": 1}, "dict of numbers": {1: 2}, "set": {1}, "object": object(),
    "function": len, "type": int, "message type": In, "message": In(name="x"), "reference": do, "step": plain,
    "longest time": timedelta.max, "negative time": timedelta(-1), "generator": (each for each in [plain]),
    "policy": RetryPolicy(), "nothing": nothing("why"), "error": ValueError("x"),
}  # fmt: skip


def _saga(flow: Any = plain, **more: Any) -> Any:
    return saga(more.pop("name", "faulty.saga"), **{"version": 1, "input": In, "flow": flow, **more})


def _wait(event: Any = "faulty.came", **more: Any) -> Any:
    return _saga(plain | wait_for(event, **{"within": 1, "otherwise": escalate, **more}))


def _step(**more: Any) -> Any:
    return _saga(step(do, **{"undo": undo, **more}))


def _reference(make: Callable[..., Any], task: Any = "faulty.made", **more: Any) -> Any:
    return _saga(step(make(task, **{"takes": In, **more}), undo=undo))


PLACES: dict[str, Callable[[Any], Any]] = {
    "step(_)": lambda v: _saga(step(v)),
    "step(undo=_)": lambda v: _step(undo=v),
    "step(name=_)": lambda v: _step(name=v),
    "step(pivot=_)": lambda v: _saga(step(do, pivot=v)),
    "step(milestone=_)": lambda v: _step(milestone=v),
    "step(retry=_)": lambda v: _step(retry=v),
    "step(undo_retry=_)": lambda v: _step(undo_retry=v),
    "step(take=_)": lambda v: _step(take=v),
    "step(take={field: _})": lambda v: _step(take={"name": v}),
    "parallel(step, _)": lambda v: _saga(parallel(plain, v)),
    "parallel(_, _)": lambda v: _saga(parallel(v, v)),
    "choice(_)": lambda v: _saga(plain | choice(v, {Out: after})),
    "choice(branches)": lambda v: _saga(plain | choice(do, v)),
    "choice({type: _})": lambda v: _saga(plain | choice(do, {Out: v})),
    "wait_for(_)": _wait,
    "wait_for(within=_)": lambda v: _wait(within=v),
    "wait_for(otherwise=_)": lambda v: _wait(otherwise=v),
    "wait_for(gives=_)": lambda v: _wait(gives=v),
    "wait_for(name=_)": lambda v: _wait(name=v),
    "wait_for(milestone=_)": lambda v: _wait(milestone=v),
    "wait_for(source=_)": lambda v: _wait(source=v),
    "saga(_)": lambda v: _saga(name=v),
    "saga(version=_)": lambda v: _saga(version=v),
    "saga(input=_)": lambda v: _saga(input=v),
    "saga(flow=_)": lambda v: _saga(v),
    "saga(after_undo=_)": lambda v: _saga(after_undo=v),
    "saga(deadline=_)": lambda v: _saga(deadline=v),
    "saga(undo_policy=_)": lambda v: _saga(undo_policy=v),
    "saga(run_ahead=_)": lambda v: _saga(run_ahead=v),
    "step | _": lambda v: _saga(plain | v),
    "_ | step": lambda v: _saga(v | plain),
    "local(_)": lambda v: _reference(local, v),
    "external(_)": lambda v: _reference(external, v),
    "local(takes=_)": lambda v: _reference(local, takes=v),
    "local(gives=_)": lambda v: _reference(local, gives=v),
    "local(queue=_)": lambda v: _reference(local, queue=v),
    "local(timeout=_)": lambda v: _reference(local, timeout=v),
    "seconds(_)": lambda v: _wait(within=seconds(v)),
    "minutes(_)": lambda v: _wait(within=minutes(v)),
    "hours(_)": lambda v: _wait(within=hours(v)),
    "days(_)": lambda v: _wait(within=days(v)),
    "RetryPolicy(attempts=_)": lambda v: _step(retry=RetryPolicy(attempts=v)),
    "RetryPolicy(first=_)": lambda v: _step(retry=RetryPolicy(first=v)),
    "RetryPolicy(factor=_)": lambda v: _step(retry=RetryPolicy(factor=v)),
    "RetryPolicy(longest=_)": lambda v: _step(retry=RetryPolicy(longest=v)),
    "nothing(_)": lambda v: _step(undo=nothing(v)),
}

MAY_STAND = {
    "step(_)": "reference",
    "step(undo=_)": "None, reference, nothing",
    "step(name=_)": "None, a text",
    "step(pivot=_)": "True",
    "step(milestone=_)": "None, a text",
    "step(retry=_)": "None, policy",
    "step(undo_retry=_)": "policy",
    "step(take=_)": "None, empty dict",
    "choice(_)": "reference",
    "wait_for(_)": "a text",
    "wait_for(within=_)": "0, 1.5",
    "wait_for(gives=_)": "None, message type",
    "wait_for(name=_)": "None, a text",
    "wait_for(source=_)": "None, a text",
    "wait_for(milestone=_)": "None, a text",
    "saga(_)": "a text",
    "saga(input=_)": "message type",
    "saga(flow=_)": "step",
    "saga(after_undo=_)": "None",
    "saga(deadline=_)": "None, 0, 1.5",
    "saga(run_ahead=_)": "None, 0, 1.5",
    "local(takes=_)": "message type",
    "local(gives=_)": "None, message type",
    "local(queue=_)": "no text, a text",
    "local(timeout=_)": "0, 1.5",
    **dict.fromkeys(["seconds(_)", "minutes(_)", "hours(_)", "days(_)"], "0, 1.5"),
    "RetryPolicy(attempts=_)": "None, a huge number",
    "RetryPolicy(first=_)": "0, 1.5",
    "RetryPolicy(factor=_)": "1.5",
    "RetryPolicy(longest=_)": "1.5",
    "nothing(_)": "a text, a long text",
}
"""What is right there, of all the rubbish; everything else is refused."""
PYTHONS = re.compile(
    r"object has no|unsupported operand|not supported between|unhashable|has no len|not iterable|not subscriptable"
    r"|'\w+' object|<class|object at 0x|attribute '|too large to convert|NoneType|Traceback|\bdataclass"
)
"""What Python says of a value that cannot do what was asked of it."""


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    known = {id(each) for each in registry.everything()}
    yield
    for each in registry.everything():
        if id(each) not in known:
            registry.forget(each)


def _told(place: str, value: Any) -> list[str]:
    """What is said against it, when it is written or by `check`."""
    try:
        made = PLACES[place](value)
    except DefinitionError as error:
        return [str(error)]
    try:
        return [f"{fault.message} {fault.hint}" for fault in faults(made)]
    finally:
        registry.forget(made)


@pytest.mark.parametrize("place", PLACES)
def test_each_value_in_each_place_is_right_there_or_told_what_to_write(place: str) -> None:
    accepted = []
    for name, value in RUBBISH.items():
        told = _told(place, value)
        if not told:
            accepted.append(name)
        for sentence in told:
            assert not PYTHONS.search(sentence), (name, sentence)
            assert len(sentence) < 2_000, (name, sentence)
            assert "\0" not in sentence, (name, sentence)
    assert ", ".join(accepted) == MAY_STAND.get(place, "")


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        ("step(_)", None, "step(None): write a reference, made by local(...) or external(...)"),
        ("step(pivot=_)", "yes", "step(faulty.do): its pivot is 'yes'; write True or False"),
        ("step(name=_)", [1], "step(faulty.do): its name is a list; write a text, or leave it out"),
        ("step(retry=_)", 3, "step(faulty.do): its retry is 3; write a RetryPolicy("),
        ("parallel(_, _)", "x", "parallel(...): what stands there is 'x'; write step(...), parallel(...)"),
        ("choice(branches)", [1], "choice(faulty.do, ...): its branches is a list; write {ResultType: step(...)}"),
        ("wait_for(within=_)", "x", "is 'x', which is no time from 0 seconds to 100 years. Write a number of seconds"),
        ("wait_for(otherwise=_)", "escalate", "its otherwise is 'escalate'; write give_up or escalate"),
        ("saga(flow=_)", None, "saga faulty.saga: flow: what stands there is None; write step(...)"),
        ("saga(flow=_)", [plain], "flow: what stands there is a list; write a | b for one after the other"),
        ("saga(version=_)", "1", "saga faulty.saga: version is '1'; write a whole number from 1 on"),
        ("local(takes=_)", int, "faulty.made: takes is the type int; write a subclass of Message"),
        ("days(_)", "3", "days(...) is '3'; write a number, such as days(3)"),
    ],
)  # fmt: skip
def test_the_sentence_says_what_to_write(place: str, value: Any, told: str) -> None:
    assert told in " ".join(_told(place, value))
