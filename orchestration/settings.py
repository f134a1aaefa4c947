"""What a project's settings say to Celery so that sagas run well in it, in one call.

    from orchestration.settings import celery_settings

    globals().update(celery_settings(broker="redis://127.0.0.1:6379/0"))

A crash means redelivery, no call to the broker waits for ever, and messages may always be JSON. Nothing that would change how the project's
own tasks are run is among them: the engine's tasks and those of steps bring their own options. Whatever follows the call wins, so a project
changes a single value by naming it again. It is read before Django is set up, and needs nothing of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django.core.exceptions import ImproperlyConfigured
from kombu import Exchange, Queue

_DAY = 24 * 60 * 60
_RABBITMQ = ("amqp", "amqps", "pyamqp")
_REDIS = ("redis", "rediss", "valkey", "valkeys")


def celery_settings(
    *,
    broker: str,
    results: str = "",
    queues: Sequence[str] = (),
    default_queue: str = "orchestration",
    exchange: str = "orchestration",
    namespace: str = "CELERY_",
) -> dict[str, Any]:
    """Return settings for Celery, by the names under which a settings module has them.

    Args:
        broker: the address of Redis, Valkey or RabbitMQ.
        results: the address of the Redis or Valkey that counts chords; by default the next database of a broker that is one of these.
        queues: declared as durable queues, at RabbitMQ as quorum queues. Leave them out where the project's queues exist already: RabbitMQ
            refuses to declare a queue anew as another kind. Celery then makes each queue that is missing, as it always does.
        default_queue: with `queues`, the one of tasks that name none.
        exchange: with `queues`, the exchange that they are bound to.
        namespace: what the names begin with, as the Celery application is told by `config_from_object`.

    Raises:
        ImproperlyConfigured: nothing says where chords are counted.
    """
    on_rabbitmq = _scheme(broker) in _RABBITMQ
    settings: dict[str, Any] = {
        "BROKER_URL": broker,
        "RESULT_BACKEND": results or _next_database(broker),
        **deepcopy({**_MESSAGES, **_CONNECTIONS, **(_AT_RABBITMQ if on_rabbitmq else _AT_REDIS)}),
    }
    if queues:
        settings |= _queues(queues, default_queue, exchange, on_rabbitmq=on_rabbitmq)
    return {f"{namespace}{name}": value for name, value in settings.items()}


_MESSAGES: dict[str, Any] = {
    # A message must never be able to name a class to build. A project whose own tasks take pickle adds it.
    "ACCEPT_CONTENT": ["json"],
    "RESULT_ACCEPT_CONTENT": ["json"],
    # Once per chord, after every branch of the header has ended.
    "TASK_ALLOW_ERROR_CB_ON_CHORD_HEADER": False,
    # Shorter than a branch, the counter would vanish and the chord's body with it, silently.
    "RESULT_CHORD_EXPIRES": 7 * _DAY,
    # More than one message for each pool process is faster where steps are short; what is fetched waits for this worker alone.
    "WORKER_PREFETCH_MULTIPLIER": 1,
    # A message that was redelivered and is done already is refused by its row; these two would decide that, and worse.
    "WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS": False,
    "WORKER_DEDUPLICATE_SUCCESSFUL_TASKS": False,
}
_CONNECTIONS: dict[str, Any] = {
    # A connection to the database lives as long as CONN_MAX_AGE says and the server lets it; otherwise Celery opens one for each task.
    "DB_REUSE_MAX": 1_000_000,
    # A relay publishes, never a request; still no attempt may hang (a frozen Redis blocks for ever by default).
    "TASK_PUBLISH_RETRY": True,
    "TASK_PUBLISH_RETRY_POLICY": {
        "max_retries": 2,
        "interval_start": 0,
        "interval_step": 0.2,
        "interval_max": 0.5,
    },
    "BROKER_CONNECTION_TIMEOUT": 4,
    # A worker waits for its broker for as long as it takes.
    "BROKER_CONNECTION_RETRY_ON_STARTUP": True,
    "BROKER_CONNECTION_MAX_RETRIES": None,
    "REDIS_SOCKET_TIMEOUT": 5.0,
    "REDIS_SOCKET_CONNECT_TIMEOUT": 2.0,
    "REDIS_SOCKET_KEEPALIVE": True,
    "REDIS_BACKEND_HEALTH_CHECK_INTERVAL": 25,
    "RESULT_BACKEND_TRANSPORT_OPTIONS": {
        "retry_policy": {"max_retries": 3, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.5},
    },
}
_AT_RABBITMQ: dict[str, Any] = {
    # A worker that freezes as a whole keeps whatever was handed to it until the broker misses its heartbeats.
    "BROKER_HEARTBEAT": 10,
    "BROKER_TRANSPORT_OPTIONS": {
        # Without confirms a frozen broker takes every message and keeps none.
        "confirm_publish": True,
        "confirm_timeout": 5,
        "read_timeout": 10,
        "write_timeout": 10,
    },
}
_AT_REDIS: dict[str, Any] = {
    "BROKER_TRANSPORT_OPTIONS": {
        # Longer than any step, or it runs twice at once; a redelivery after a lost worker waits no longer than this.
        "visibility_timeout": 15 * 60,
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
        "socket_timeout": 5,
        "socket_connect_timeout": 2,
        "socket_keepalive": True,
        "health_check_interval": 25,
    },
}


def _queues(names: Sequence[str], default: str, exchange: str, *, on_rabbitmq: bool) -> dict[str, Any]:
    # A quorum queue delays messages by way of a topic exchange.
    kind, type_ = ("quorum", "topic") if on_rabbitmq else ("classic", "direct")
    bound_to = Exchange(exchange, type=type_)
    arguments = {"x-queue-type": kind} if on_rabbitmq else None
    return {
        "TASK_DEFAULT_QUEUE": default,
        "TASK_DEFAULT_EXCHANGE": exchange,
        "TASK_DEFAULT_EXCHANGE_TYPE": type_,
        "TASK_DEFAULT_ROUTING_KEY": default,
        "TASK_DEFAULT_QUEUE_TYPE": kind,
        "TASK_CREATE_MISSING_QUEUES": True,
        "TASK_CREATE_MISSING_QUEUE_TYPE": kind,
        "TASK_QUEUES": [Queue(name, bound_to, routing_key=name, queue_arguments=arguments) for name in names],
    }


def _next_database(broker: str) -> str:
    """Return the address of a Redis with the next database number: chord counters apart from the queues."""
    parts = urlsplit(broker)
    number = parts.path.strip("/") or "0"
    if parts.scheme not in _REDIS or not number.isdigit():
        raise ImproperlyConfigured(
            "CELERY_RESULT_BACKEND is not set, and chord counters need Redis whatever the broker: "
            "set it to an address such as redis://127.0.0.1:6379/1."
        )
    return urlunsplit(parts._replace(path=f"/{int(number) + 1}"))


def _scheme(address: str) -> str:
    return address.partition(":")[0]
