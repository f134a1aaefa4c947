"""Celery's settings (namespace `CELERY_`): a crash means redelivery, and no call to the broker waits for ever.

One file for both brokers: Redis (or Valkey) and RabbitMQ differ only in queues and transport options. Results are counters
of chords, always on Redis; nothing that decides anything is read from them.
"""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django.core.exceptions import ImproperlyConfigured
from kombu import Exchange, Queue

from config.queues import QUEUES
from config.settings.environment import required, whole_number

_MINUTE = 60
_DAY = 24 * 60 * _MINUTE


def _next_database(url: str) -> str:
    """Return the Redis address `url` with the next database number: chord counters apart from the queues."""
    parts = urlsplit(url)
    if parts.scheme not in {"redis", "rediss"}:
        raise ImproperlyConfigured(
            "CELERY_RESULT_BACKEND is not set, and chord counters need Redis whatever the broker: "
            "set it to an address such as redis://127.0.0.1:6379/1."
        )
    return urlunsplit(parts._replace(path=f"/{int(parts.path.strip('/') or 0) + 1}"))


CELERY_BROKER_URL = required(
    "CELERY_BROKER_URL", "redis://host:port/number or amqp://user:password@host:port//"
)
CELERY_RESULT_BACKEND = os.environ.get("CELERY_RESULT_BACKEND") or _next_database(CELERY_BROKER_URL)
_ON_RABBITMQ = CELERY_BROKER_URL.startswith(("amqp", "pyamqp"))

# JSON only: a message must never be able to name a class to build.
CELERY_TASK_SERIALIZER = "json"
CELERY_RESULT_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_RESULT_ACCEPT_CONTENT = ["json"]
CELERY_ENABLE_UTC = True
CELERY_TIMEZONE = "UTC"

# A worker that dies gives its message back. A step that kills its worker each time would go round for ever, but for the
# deliveries the engine counts in its rows.
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_ACKS_ON_FAILURE = True
CELERY_TASK_ACKS_ON_TIMEOUT = True
# More than one message for each pool process is faster where steps are short; what is fetched waits for this worker alone.
CELERY_WORKER_PREFETCH_MULTIPLIER = whole_number("ORDERLY_PREFETCH", 1)
# A connection lives as long as CONN_MAX_AGE says and the server lets it; otherwise Celery opens one for each task.
CELERY_DB_REUSE_MAX = 1_000_000
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_WORKER_DEDUPLICATE_SUCCESSFUL_TASKS = False
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 3.0
# Memory that a step keeps goes with its process, which is replaced between two messages.
CELERY_WORKER_MAX_MEMORY_PER_CHILD = 1024 * whole_number("ORDERLY_WORKER_MEMORY_MB", 512)
# Steps end by their own client timeouts first: the hard limit may call an error callback twice.
CELERY_TASK_SOFT_TIME_LIMIT = 4 * _MINUTE
CELERY_TASK_TIME_LIMIT = 5 * _MINUTE

# Once per chord, after every branch of the header has ended.
CELERY_TASK_ALLOW_ERROR_CB_ON_CHORD_HEADER = False
CELERY_TASK_IGNORE_RESULT = True
CELERY_RESULT_EXPIRES = _DAY
# Shorter than a branch, the counter would vanish and the chord's body with it, silently.
CELERY_RESULT_CHORD_EXPIRES = 7 * _DAY

# Flower's view; history is only in its memory.
CELERY_WORKER_SEND_TASK_EVENTS = True
# What is on its way is in the rows; an event for each message sent costs as much as the message.
CELERY_TASK_SEND_SENT_EVENT = False

# A relay publishes, never a request; still no attempt may hang (a frozen Redis blocks for ever by default).
CELERY_TASK_PUBLISH_RETRY = True
CELERY_TASK_PUBLISH_RETRY_POLICY = {
    "max_retries": 2,
    "interval_start": 0,
    "interval_step": 0.2,
    "interval_max": 0.5,
}
CELERY_BROKER_CONNECTION_TIMEOUT = 4
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_REDIS_SOCKET_TIMEOUT = 5.0
CELERY_REDIS_SOCKET_CONNECT_TIMEOUT = 2.0
CELERY_REDIS_SOCKET_KEEPALIVE = True
CELERY_REDIS_BACKEND_HEALTH_CHECK_INTERVAL = 25
CELERY_RESULT_BACKEND_TRANSPORT_OPTIONS = {
    "retry_policy": {"max_retries": 3, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.5},
}

if _ON_RABBITMQ:
    # A worker that freezes as a whole keeps whatever was handed to it until the broker misses its heartbeats.
    CELERY_BROKER_HEARTBEAT = 10
    CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {
        # Without confirms a frozen broker takes every message and keeps none.
        "confirm_publish": True,
        "confirm_timeout": 5,
        "read_timeout": 10,
        "write_timeout": 10,
    }
else:
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        # One list for each queue: nothing here has a priority, and each is one more that every look has to name.
        "priority_steps": [0],
        # Longer than any step, or it runs twice at once; a redelivery after a lost worker waits no longer than this.
        "visibility_timeout": 15 * _MINUTE,
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
        "socket_timeout": 5,
        "socket_connect_timeout": 2,
        "socket_keepalive": True,
        "health_check_interval": 25,
    }

_KIND = "quorum" if _ON_RABBITMQ else "classic"
_EXCHANGE = Exchange("orderly", type="topic" if _ON_RABBITMQ else "direct")
CELERY_TASK_DEFAULT_QUEUE = "orchestration"
CELERY_TASK_DEFAULT_EXCHANGE = "orderly"
CELERY_TASK_DEFAULT_EXCHANGE_TYPE = "topic" if _ON_RABBITMQ else "direct"
CELERY_TASK_DEFAULT_ROUTING_KEY = "orchestration"
CELERY_TASK_DEFAULT_QUEUE_TYPE = _KIND
CELERY_TASK_CREATE_MISSING_QUEUES = True
CELERY_TASK_CREATE_MISSING_QUEUE_TYPE = _KIND
CELERY_TASK_QUEUES = [
    Queue(
        name,
        _EXCHANGE,
        routing_key=name,
        queue_arguments={"x-queue-type": "quorum"} if _ON_RABBITMQ else None,
    )
    for name in QUEUES
]
