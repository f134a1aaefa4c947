"""`manage.py check`: whether the project around the engine is one in which sagas can run. Each of these has once let them rest for ever."""

from __future__ import annotations

from collections.abc import Iterator
from types import FunctionType
from typing import Any

from celery import Task, current_app
from django.core.checks import CheckMessage, Error, Warning, register
from django.db import connections
from django.db.transaction import Atomic

from orchestration.conf import engine_settings
from orchestration.core import registry
from orchestration.core.references import StepReference
from orchestration.database import alias
from orchestration.engine.celery_canvas import CeleryTransport

_NO_CHORDS = ("rpc", "amqp", "disabled")
"""Kinds of result backends that count no chord."""


@register("orchestration")
def check_celery(**_: Any) -> list[CheckMessage]:
    """What Celery is told: our messages must arrive, be taken in, and be joined where a flow has forked."""
    if current_app.main == "default":  # the one that Celery makes where there is none
        return [
            _error(
                "E300",
                "No Celery app of the project is current where Django runs: what a saga publishes would go to a broker nobody has named.",
                "Import it in the project's __init__.py, or in an AppConfig.ready.",
            )
        ]
    conf, found = current_app.conf, list[CheckMessage]()
    backend = str(conf.result_backend or "disabled")
    if backend.partition(":")[0] in _NO_CHORDS:
        found.append(
            _error(
                "E301",
                f"Celery's result backend is {backend.partition(':')[0]!r}, which counts no chords: what follows a parallel would never begin.",
                "Set CELERY_RESULT_BACKEND, for example to 'redis://127.0.0.1:6379/1'. No result is kept there.",
            )
        )
    if not {"json", "application/json"} & set(conf.accept_content or ()):
        found.append(
            _error(
                "E302",
                f"Celery accepts {', '.join(conf.accept_content or ()) or 'nothing'}, and the engine's messages are JSON: no worker would take one.",
                "Add 'json' to CELERY_ACCEPT_CONTENT. Your own tasks may go on with another serializer.",
            )
        )
    if conf.task_always_eager:
        found.append(
            _error(
                "E303",
                "CELERY_TASK_ALWAYS_EAGER is set: steps would run in the process and the transaction that publish them.",
                "Remove it. In tests use orchestration.testing.SagaRun, which needs neither a broker nor a worker.",
            )
        )
    if (opens := _opens_transaction(current_app.Task)) is not None:
        found.append(
            _error(
                "E306",
                f"The base Task of your Celery app opens a transaction around each task ({opens}): a claim would not be committed before its step acts.",
                "Open it in the tasks that need one, not in __call__; a local step has a transaction of its own.",
            )
        )
    limits = [limit for limit in (conf.task_soft_time_limit, conf.task_time_limit) if limit]
    found += [
        _error(
            "E307",
            f"{reference.task} may take {reference.timeout:g} s, and Celery ends every task after {min(limits):g} s.",
            "Give the step a shorter timeout, or raise CELERY_TASK_SOFT_TIME_LIMIT and CELERY_TASK_TIME_LIMIT.",
        )
        for reference in sorted(_references(), key=lambda each: each.task)
        if limits and reference.timeout >= min(limits)
    ]
    return found


@register("orchestration")
def check_database(**_: Any) -> list[CheckMessage]:
    """The database of the engine: PostgreSQL, and values within the statements that are prepared."""
    name = alias()
    if name not in connections.settings:
        return [
            _error(
                "E304",
                f"ORCHESTRATION['DATABASE'] is {name!r}, which DATABASES does not have.",
                f"Name one of {', '.join(sorted(connections.settings))}.",
            )
        ]
    wrapper = connections[name]
    if wrapper.vendor != "postgresql":
        return [
            _error(
                "E304",
                f"The database {name!r} is {wrapper.display_name}; the engine's statements need PostgreSQL.",
                "Use django.db.backends.postgresql, or name another database in ORCHESTRATION['DATABASE'].",
            )
        ]
    if wrapper.settings_dict.get("OPTIONS", {}).get("server_side_binding"):
        return [
            _error(
                "E305",
                f"The database {name!r} binds on the server (server_side_binding), where the engine's prepared statements take no parameters.",
                "Remove server_side_binding from its OPTIONS, or give the engine an alias of its own without it.",
            )
        ]
    return []


@register("orchestration", deploy=True)
def check_queues(**_: Any) -> list[CheckMessage]:
    """Each queue needs a worker that takes it. Says nothing while no worker answers: it may run before they are started."""
    taken = queues_taken()
    if not taken:
        return []
    return [
        Warning(
            f"No worker that runs now takes the queue {queue!r}: what is sent to it would wait.",
            hint=f"Start one with `celery worker -Q {queue}`, or add it to the queues of another.",
            id="orchestration.W310",
        )
        for queue in sorted(queues_needed() - taken)
    ]


def queues_needed() -> set[str]:
    """The queues that the definitions of this process send to, and the engine's own."""
    return {engine_settings().QUEUE, *(reference.queue for reference in _references())}


def _references() -> set[StepReference]:
    """What the definitions of this process have done, forward and undoing."""
    steps = [step for definition in registry.everything() for step in definition.steps.values()]
    undos = (step.undo for step in steps if isinstance(step.undo, StepReference))
    return {*(step.reference for step in steps), *undos}


def queues_taken() -> set[str]:
    """The queues that some worker takes, by its own word; none when no worker answers, or the broker cannot be reached."""
    try:
        return CeleryTransport().queues_taken()
    except Exception:  # of the broker's client, whichever it is: there is nothing to say then
        return set()


def _opens_transaction(base: type[Task[..., Any]]) -> str | None:
    """Which `__call__` of a base Task opens a transaction, as far as can be seen without calling it."""
    for kind in base.__mro__:
        call = vars(kind).get("__call__")
        if call is not None and not kind.__module__.startswith("celery.") and _mentions_transaction(call):
            return f"{kind.__module__}.{kind.__qualname__}.__call__"
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
