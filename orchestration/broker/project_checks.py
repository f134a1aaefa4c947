"""`manage.py check`: whether the Celery app around the engine is one in which sagas can run. Each of these has once let them rest."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

from celery import current_app
from celery.app.backends import by_url
from celery.backends.base import BaseBackend, BaseKeyValueStoreBackend
from django.core.checks import CheckMessage, Error, Warning, register

from orchestration.broker.canvas import CeleryTransport
from orchestration.broker.task_checks import references
from orchestration.conf import are_sound, engine_settings
from orchestration.engine.incidents.printed import worker
from orchestration.extras import how_to_install

_NO_CHORDS = ("rpc", "amqp", "disabled")
"""Kinds of result backends that count no chord, whatever they inherit."""
_ONE_PROCESS = ("memory",)
_OF_REDIS = ("redis", "rediss", "sentinel")
_BROKERS = ("redis", "rediss", "sentinel", "amqp", "amqps", "pyamqp", "valkey", "valkeys")
_DEFAULT_VISIBILITY = 3600.0
"""Seconds after which kombu gives out a message of Redis again that was not acknowledged."""


@register("orchestration")
def check_celery(**_: Any) -> list[CheckMessage]:
    """What Celery is told: our messages must arrive, be taken in, and be joined where a flow has forked."""
    if not are_sound():
        return []
    if current_app.main == "default":  # the one that Celery makes where there is none
        return [
            _error(
                "E300",
                "No Celery app of the project is current where Django runs: what a saga publishes would go to a broker nobody has named.",
                "Import it in the project's __init__.py, or in an AppConfig.ready.",
            )
        ]
    return [*_clients(), *_results(), *_messages(), *_broker(), *_queues()]


def _clients() -> Iterator[CheckMessage]:
    named = {
        "CELERY_BROKER_URL": _scheme_of(_broker_address()),
        "CELERY_RESULT_BACKEND": _scheme_of(str(current_app.conf.result_backend or "")),
    }
    for setting, scheme in named.items():
        if scheme in _OF_REDIS and find_spec("redis") is None:
            yield _error(
                "E319",
                f"{setting} has an address of the kind {scheme!r}, and its client is not installed.",
                f"Install it: {how_to_install('redis')}",
            )


def _broker_address() -> str:
    # As Celery itself chooses, without connecting.
    given: Any = current_app.conf.broker_write_url or current_app.conf.broker_url or ""
    # Several: it goes on with the next one.
    return str(given if isinstance(given, str) else next(iter(given), ""))


def _scheme_of(address: str) -> str:
    return address.partition(":")[0].partition("+")[0]  # redis+socket


def _results() -> Iterator[CheckMessage]:
    if (why := _counts_no_chords(str(current_app.conf.result_backend or "disabled"))) is not None:
        yield _error(
            "E301",
            f"Celery's result backend {why}: what follows a parallel would not begin, or only when the engine has missed it.",
            "Set CELERY_RESULT_BACKEND, for example to 'redis://127.0.0.1:6379/1'. No result is kept there.",
        )


def _counts_no_chords(backend: str) -> str | None:
    """Why what is behind this address counts no chord for several processes."""
    scheme = backend.partition(":")[0]
    if scheme in _NO_CHORDS:
        return f"is {scheme!r}, which counts no chords"
    if scheme.rpartition("+")[2] in _ONE_PROCESS:
        return f"is {scheme!r}, which each process has of its own"
    try:
        chosen: Any = by_url(backend, current_app.loader)
    except Exception:  # a client that is not installed, or a name nobody knows: Celery says so itself
        return None
    kind = chosen[0]
    joins = getattr(kind, "on_chord_part_return", None)
    counts = getattr(kind, "implements_incr", False)
    if joins is BaseBackend.on_chord_part_return or (
        joins is BaseKeyValueStoreBackend.on_chord_part_return and not counts
    ):
        return f"is {scheme!r}, which counts no chords but looks for results, and no step keeps one"
    return None


def _messages() -> Iterator[CheckMessage]:
    conf = current_app.conf
    if not {"json", "application/json"} & set(conf.accept_content or ()):
        yield _error(
            "E302",
            f"Celery accepts {', '.join(conf.accept_content or ()) or 'nothing'}, and the engine's messages are JSON: no worker would take one.",
            "Add 'json' to CELERY_ACCEPT_CONTENT. Your own tasks may go on with another serializer.",
        )
    if conf.task_always_eager:
        yield _error(
            "E303",
            "CELERY_TASK_ALWAYS_EAGER is set: steps would run in the process and the transaction that publish them.",
            "Remove it. In tests use orchestration.testing.SagaRun, which needs neither a broker nor a worker.",
        )
    if conf.task_protocol != 2:
        yield _error(
            "E312",
            f"CELERY_TASK_PROTOCOL is {conf.task_protocol}: such a message does not say in its headers what it is, and workers set it aside.",
            "Remove it: every Celery since 4.0 reads version 2.",
        )


def _broker() -> Iterator[CheckMessage]:
    conf = current_app.conf
    address = _broker_address()
    scheme = _scheme_of(address)
    if not address:
        yield Warning(
            "No broker is named, so that Celery takes a RabbitMQ on this machine, with the password that everybody knows.",
            hint="Set CELERY_BROKER_URL, for example to 'redis://127.0.0.1:6379/0'.",
            id="orchestration.W314",
        )
    elif scheme in _ONE_PROCESS:
        yield _error(
            "E313",
            "The broker is in the memory of each process: what a web process sends no worker gets.",
            "Set CELERY_BROKER_URL, for example to 'redis://127.0.0.1:6379/0'. In tests use orchestration.testing.SagaRun.",
        )
    elif scheme not in _BROKERS:
        yield Warning(
            f"The engine has not been tried with a broker of the kind {scheme!r}.",
            hint="Use Redis, Valkey or RabbitMQ; or silence this when you have tried it.",
            id="orchestration.W315",
        )
    if conf.worker_prefetch_multiplier == 0:
        yield Warning(
            "CELERY_WORKER_PREFETCH_MULTIPLIER is 0: the first worker takes every message there is, and the others have nothing to do.",
            hint="Set it to 1, or to a few where steps are short.",
            id="orchestration.W316",
        )
    longest = max((reference.timeout for reference in references()), default=0.0)
    visible = (conf.broker_transport_options or {}).get("visibility_timeout", _DEFAULT_VISIBILITY)
    if scheme in ("redis", "rediss", "sentinel", "valkey", "valkeys", "sqs") and visible <= longest:
        yield Warning(
            f"The broker gives out a message again after {visible:g} s (visibility_timeout), and a step may take {longest:g} s: it "
            "would come to a second worker each time.",
            hint="Raise visibility_timeout in CELERY_BROKER_TRANSPORT_OPTIONS above the longest timeout of a step.",
            id="orchestration.W317",
        )


def _queues() -> Iterator[CheckMessage]:
    if current_app.conf.task_create_missing_queues:
        return
    for queue in sorted(queues_needed() - set(current_app.amqp.queues)):
        yield _error(
            "E318",
            f"The queue {queue!r} is not in CELERY_TASK_QUEUES, and CELERY_TASK_CREATE_MISSING_QUEUES is off: nothing could be sent to it.",
            "Add it, or have missing queues created.",
        )


@register("orchestration", deploy=True)
def check_queues(**_: Any) -> list[CheckMessage]:
    """Each queue needs a worker that takes it. Says nothing while no worker answers: it may run before they are started."""
    taken = queues_taken() if are_sound() else set()
    if not taken:
        return []
    return [
        Warning(
            f"No worker that runs now takes the queue {queue!r}: what is sent to it would wait.",
            hint=f"Start one with {worker(queue)}, or add it to the queues of another.",
            id="orchestration.W310",
        )
        for queue in sorted(queues_needed() - taken)
    ]


def queues_needed() -> set[str]:
    """The queues that the definitions of this process send to, and the engine's own."""
    return {engine_settings().QUEUE, *(reference.queue for reference in references())}


def queues_taken() -> set[str]:
    """The queues that some worker takes, by its own word; none when no worker answers, or the broker cannot be reached."""
    try:
        return CeleryTransport().queues_taken()
    except Exception:  # of the broker's client, whichever it is: there is nothing to say then
        return set()


def _error(code: str, what: str, hint: str) -> Error:
    return Error(what, hint=hint, id=f"orchestration.{code}")
