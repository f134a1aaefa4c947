"""What `orchestration.settings` gives a project, and that this one uses it."""

from __future__ import annotations

from typing import Any

import pytest
from celery.app.defaults import NAMESPACES, flatten
from django.core.exceptions import ImproperlyConfigured

from config.settings import messaging
from orchestration.settings import celery_settings

REDIS, RABBITMQ = "redis://:secret@127.0.0.1:6379/3", "amqp://guest:guest@127.0.0.1:5672//"
COUNTERS = "redis://127.0.0.1:6379/1"


def test_chords_are_counted_in_the_next_database_of_a_redis() -> None:
    assert celery_settings(broker=REDIS)["CELERY_RESULT_BACKEND"] == "redis://:secret@127.0.0.1:6379/4"
    assert celery_settings(broker="rediss://cache:6380")["CELERY_RESULT_BACKEND"] == "rediss://cache:6380/1"
    given = celery_settings(broker=REDIS, results=COUNTERS)
    assert (given["CELERY_BROKER_URL"], given["CELERY_RESULT_BACKEND"]) == (REDIS, COUNTERS)


@pytest.mark.parametrize("broker", [RABBITMQ, "redis+socket:///run/redis.sock", "redis://host/name"])
def test_where_nothing_says_where_chords_are_counted_it_is_refused(broker: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="CELERY_RESULT_BACKEND is not set"):
        celery_settings(broker=broker)


def test_queues_that_exist_already_are_left_alone() -> None:
    for broker in (REDIS, RABBITMQ):
        named = {name for name in celery_settings(broker=broker, results=COUNTERS) if "QUEUE" in name}
        assert named == set()


@pytest.mark.parametrize(
    ("broker", "kind", "arguments"),
    [(REDIS, "direct", None), (RABBITMQ, "topic", {"x-queue-type": "quorum"})],
)
def test_queues_are_declared_as_the_broker_has_them(broker: str, kind: str, arguments: Any) -> None:
    given = celery_settings(
        broker=broker, results=COUNTERS, queues=["tours", "engine"], default_queue="tours", exchange="site"
    )
    declared = given["CELERY_TASK_QUEUES"]
    assert [(queue.name, queue.routing_key) for queue in declared] == [
        ("tours", "tours"),
        ("engine", "engine"),
    ]
    assert {(queue.exchange.name, queue.exchange.type) for queue in declared} == {("site", kind)}
    assert all(queue.queue_arguments == arguments for queue in declared)
    assert given["CELERY_TASK_DEFAULT_QUEUE"] == "tours"


def test_a_change_of_one_project_reaches_no_other() -> None:
    celery_settings(broker=REDIS)["CELERY_BROKER_TRANSPORT_OPTIONS"]["visibility_timeout"] = 1
    assert celery_settings(broker=REDIS)["CELERY_BROKER_TRANSPORT_OPTIONS"]["visibility_timeout"] == 900


def test_celery_knows_each_of_them() -> None:
    read_but_not_declared = {"db_reuse_max", "redis_backend_health_check_interval"}
    known = {setting[0] for setting in flatten(NAMESPACES)} | read_but_not_declared
    for broker in (REDIS, RABBITMQ):
        given = celery_settings(broker=broker, results=COUNTERS, queues=["tours"], namespace="")
        assert {name.lower() for name in given} <= known


def test_this_project_uses_them() -> None:
    ours = celery_settings(
        broker=messaging.CELERY_BROKER_URL, results=messaging.CELERY_RESULT_BACKEND, queues=["orders"]
    )
    changed = {name for name, value in ours.items() if getattr(messaging, name) != value}
    assert changed <= {
        "CELERY_BROKER_TRANSPORT_OPTIONS",  # no priorities at Redis
        "CELERY_TASK_QUEUES",
        "CELERY_TASK_DEFAULT_EXCHANGE",
    }
