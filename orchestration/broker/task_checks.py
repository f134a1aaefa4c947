"""`manage.py check`: how Celery would run the tasks of the engine and of each step, with all that a base Task or an annotation changes."""

from __future__ import annotations

from collections.abc import Iterator
from types import FunctionType
from typing import Any, TypeAlias

from celery import Task, current_app
from django.core.checks import CheckMessage, Error, Warning, register
from django.db.transaction import Atomic
from django.utils.module_loading import autodiscover_modules

from orchestration.core.definition import registry
from orchestration.core.definition.references import StepReference

# A text: at run time Celery's class takes parameters from 5.7 on only.
_AnyTask: TypeAlias = "Task[..., Any]"


@register("orchestration")
def check_tasks(**_: Any) -> list[CheckMessage]:
    """Each task as it is in the end, of the class that Celery has made of it."""
    if current_app.main == "default":  # none of the project's: `check_celery` says so
        return []
    autodiscover_modules("tasks")
    if (opens := opens_transaction(current_app.Task)) is not None:
        return [_opens(opens)]
    found: list[CheckMessage] = []
    timeouts: dict[str, float] = {}
    for reference in references():
        timeouts[reference.task] = max(reference.timeout, timeouts.get(reference.task, 0))
    for name in sorted(_names(timeouts)):
        task = current_app.tasks.get(name)
        if task is not None:  # of a reference that nobody performs: E114
            found += _faults_of(name, task, timeouts.get(name.removesuffix(".settle"), 0))
    return found


def references() -> set[StepReference]:
    """What the definitions of this process have done, forward and undoing."""
    return {reference for definition in registry.everything() for reference in definition.references}


def _names(timeouts: dict[str, float]) -> set[str]:
    ours = {name for name in current_app.tasks if name.startswith("orchestration.")}
    return {*ours, *timeouts, *(f"{name}.settle" for name in timeouts)}


def _faults_of(name: str, task: _AnyTask, timeout: float) -> Iterator[CheckMessage]:
    limits = [limit for limit in (task.soft_time_limit, task.time_limit) if limit]
    if limits and timeout >= min(limits):
        yield _error(
            "E307",
            f"{name} may take {timeout:g} s, and Celery ends it after {min(limits):g} s.",
            "Give the step a shorter timeout, or raise the limit: CELERY_TASK_SOFT_TIME_LIMIT and CELERY_TASK_TIME_LIMIT, those of your "
            "base Task, or those in CELERY_TASK_ANNOTATIONS.",
        )
    if (opens := opens_transaction(type(task))) is not None:
        yield _opens(opens)
    if task.expires is not None:
        yield _error(
            "E310",
            f"Messages for {name} run out (expires={task.expires!r}), and no worker takes one of ours that may.",
            "Take `expires` for it from CELERY_TASK_ANNOTATIONS: what comes too late is refused by its row.",
        )
    changed = [each for each in ("acks_late", "reject_on_worker_lost") if not getattr(task, each)]
    if changed:
        yield Warning(
            f"{name} is run without {' and '.join(changed)}: when a worker dies its message is lost, and its saga rests until that is noticed.",
            hint="Take them for it from CELERY_TASK_ANNOTATIONS.",
            id="orchestration.W311",
        )


def _opens(where: str) -> Error:
    return _error(
        "E306",
        f"A transaction is opened around each task of your Celery app ({where}): a claim would not be committed before its step acts.",
        "Open it in the tasks that need one, not in __call__; a local step has a transaction of its own.",
    )


def opens_transaction(kind: type[_AnyTask]) -> str | None:
    """Which `__call__` of a class of tasks opens a transaction, as far as can be seen without calling it."""
    for each in kind.__mro__:
        call = vars(each).get("__call__")
        if call is not None and not each.__module__.startswith("celery.") and _mentions_transaction(call):
            return f"{each.__module__}.{each.__qualname__}.__call__"
    return None


def _mentions_transaction(function: Any) -> bool:
    for each in _layers(function):
        cells = [cell.cell_contents for cell in each.__closure__ or ()]
        if any(isinstance(cell, Atomic) for cell in cells):
            return True
        if {"atomic", "set_autocommit", "Atomic"} & set(each.__code__.co_names):
            return True
    return False


def _layers(function: Any) -> Iterator[FunctionType]:
    while isinstance(function, FunctionType):
        yield function
        function = getattr(function, "__wrapped__", None)


def _error(code: str, what: str, hint: str) -> Error:
    return Error(what, hint=hint, id=f"orchestration.{code}")
