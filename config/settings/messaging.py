"""Celery's settings (namespace `CELERY_`): those that sagas need (`orchestration.settings`), and what this project adds for its own tasks.

One file for both brokers. Results are counters of chords, always on Redis; nothing that decides anything is read from them.
"""

from __future__ import annotations

import os

from config.queues import QUEUES
from config.settings.environment import required, whole_number
from orchestration.settings import celery_settings

_MINUTE = 60

CELERY_BROKER_URL = required(
    "CELERY_BROKER_URL", "redis://host:port/number or amqp://user:password@host:port//"
)
_FOR_SAGAS = celery_settings(
    broker=CELERY_BROKER_URL,
    results=os.environ.get("CELERY_RESULT_BACKEND", ""),
    queues=QUEUES,
    exchange="orderly",
)
if not CELERY_BROKER_URL.startswith(("amqp", "pyamqp")):
    # One list for each queue: nothing here has a priority, and each is one more that every look has to name.
    _FOR_SAGAS["CELERY_BROKER_TRANSPORT_OPTIONS"]["priority_steps"] = [0]
CELERY_RESULT_BACKEND: str = _FOR_SAGAS["CELERY_RESULT_BACKEND"]
globals().update(_FOR_SAGAS)

# JSON only, for tasks of every kind.
CELERY_TASK_SERIALIZER = "json"
CELERY_RESULT_SERIALIZER = "json"
CELERY_ENABLE_UTC = True
CELERY_TIMEZONE = "UTC"

# A worker that dies gives its message back. A step that kills its worker each time would go round for ever, but for the
# deliveries the engine counts in its rows.
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_ACKS_ON_FAILURE = True
CELERY_TASK_ACKS_ON_TIMEOUT = True
CELERY_WORKER_PREFETCH_MULTIPLIER = whole_number("ORDERLY_PREFETCH", 1)
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 3.0
# Memory that a step keeps goes with its process, which is replaced between two messages.
CELERY_WORKER_MAX_MEMORY_PER_CHILD = 1024 * whole_number("ORDERLY_WORKER_MEMORY_MB", 512)
# Steps end by their own client timeouts first: the hard limit may call an error callback twice.
CELERY_TASK_SOFT_TIME_LIMIT = 4 * _MINUTE
CELERY_TASK_TIME_LIMIT = 5 * _MINUTE

CELERY_TASK_IGNORE_RESULT = True
CELERY_RESULT_EXPIRES = 24 * 60 * _MINUTE

# Flower's view; history is only in its memory.
CELERY_WORKER_SEND_TASK_EVENTS = True
# What is on its way is in the rows; an event for each message sent costs as much as the message.
CELERY_TASK_SEND_SENT_EVENT = False
