"""A subscriber's copy of an event is sent again until its task has succeeded, wherever it was lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from celery import current_app
from django.db import connection, transaction
from django.db.models import F
from django.test.utils import CaptureQueriesContext, override_settings
from kombu import Queue

from orchestration.engine.messages.transport import use_transport
from orchestration.engine.outbox.copies import put_back_unheard_copies, receipt_of
from orchestration.engine.outbox.drain import drain
from orchestration.engine.outbox.sweep import sweep
from orchestration.models import OutboxMessage
from orchestration.services import publish_event
from orchestration.tasks import acknowledge_event
from orchestration.testing.mail import CopyMail, EventMail
from orchestration.testing.transport import HandTransport
from tests.bootstrap.running_system import wait_until
from tests.orchestration.retained import pruned
from tests.orchestration.verdict import EVENT
from tests.orchestration.worker_run import running_worker

pytestmark = pytest.mark.django_db
BOTH = {"SUBSCRIBERS": ("billing", "search")}


@pytest.fixture
def published() -> Iterator[HandTransport]:
    """An event for our inbox and two subscribers, sent."""
    broker = HandTransport()
    with override_settings(ORCHESTRATION=BOTH), use_transport(broker):
        with transaction.atomic():
            publish_event(type=EVENT, source="test", key="k", data={"outcome": "lost"}, event_id="e-1")
        sweep()
        yield broker


def copies(broker: HandTransport) -> list[str]:
    return [mail.queue for mail in broker.mail if isinstance(mail, CopyMail)]


def passes(seconds: float) -> None:
    OutboxMessage.objects.update(sent_at=F("sent_at") - timedelta(seconds=seconds))


def unheard() -> set[str]:
    return set(
        OutboxMessage.objects.filter(received_at=None).exclude(queue="").values_list("queue", flat=True)
    )


def test_each_subscriber_has_a_row_of_its_own(published: HandTransport) -> None:
    assert copies(published) == ["billing", "search"]
    assert sum(isinstance(mail, EventMail) for mail in published.mail) == 1
    while published.carry_one():
        pass
    assert unheard() == set()


def test_the_one_that_was_lost_is_sent_again_and_only_that_one(published: HandTransport) -> None:
    published.mail.remove(
        next(mail for mail in published.mail if isinstance(mail, CopyMail) and mail.queue == "search")
    )
    while published.carry_one():
        pass
    assert unheard() == {"search"}
    passes(59)
    sweep()
    assert copies(published) == []
    passes(2)
    sweep()
    assert copies(published) == ["search"]
    assert OutboxMessage.objects.get(queue="search").last_error == "search has not acknowledged it"
    while published.carry_one():
        pass
    passes(10_000)
    sweep()
    assert (copies(published), unheard()) == ([], set())


def test_it_is_sent_again_ever_more_rarely_and_never_given_up(published: HandTransport) -> None:
    waits = []
    for _ in range(9):
        published.mail.clear()
        minutes = 0
        while not put_back_unheard_copies():
            passes(60)
            minutes += 1
        waits.append(minutes)
        drain()
    assert waits == [1, 2, 4, 8, 16, 32, 64, 64, 64]


@pytest.mark.parametrize("changed", ["message", "queue", "seal"])
def test_a_receipt_that_was_not_made_for_the_copy_is_not_taken(
    published: HandTransport, changed: str
) -> None:
    search = OutboxMessage.objects.get(queue="search")
    billing = receipt_of(OutboxMessage.objects.get(queue="billing"))
    acknowledge_event(**{**receipt_of(search), changed: billing[changed]})
    assert unheard() == {"billing", "search"}
    acknowledge_event(**receipt_of(search))
    acknowledge_event(**receipt_of(search))
    assert unheard() == {"billing"}


def test_our_own_copy_cannot_be_acknowledged_away(published: HandTransport) -> None:
    own = OutboxMessage.objects.get(queue="")
    acknowledge_event(**receipt_of(own))
    assert OutboxMessage.objects.get(id=own.id).received_at is None


def test_one_for_a_queue_that_gets_no_copies_any_more_is_neither_sent_again_nor_kept_for_ever(
    published: HandTransport,
) -> None:
    published.mail.clear()
    passes(40 * 86_400)
    OutboxMessage.objects.update(created_at=F("created_at") - timedelta(days=40))
    with override_settings(ORCHESTRATION={"SUBSCRIBERS": ("billing",)}):
        assert pruned(outbox="30d").removed["messages sent"] == 1
        assert unheard() == {"billing"}
        sweep()
    assert copies(published) == ["billing"]


def test_without_subscribers_nothing_is_asked_and_nothing_more_is_written() -> None:
    with transaction.atomic():
        publish_event(type=EVENT, source="test", key="k", data={"outcome": "lost"})
    assert OutboxMessage.objects.count() == 1
    with CaptureQueriesContext(connection) as seen:
        put_back_unheard_copies()
    assert len(seen) == 0


SUBSCRIBER = textwrap.dedent(
    '''
    """Somebody else's project: Celery, and nothing of ours."""
    import os
    from pathlib import Path
    from celery import Celery

    app = Celery("billing", broker=os.environ["CELERY_BROKER_URL"])
    app.conf.update(broker_connection_retry_on_startup=True, worker_enable_remote_control=False)

    @app.task(name="billing.receive_event", acks_late=True)
    def receive_event(*, envelope):
        seen = Path(os.environ["SEEN"])
        with seen.open("a") as file:
            file.write(envelope["id"] + "\\n")
        if len(seen.read_text().split()) == 1:
            raise ValueError("the first time it has a bug")
    '''
)


@contextmanager
def subscriber(folder: Path, environment: dict[str, str]) -> Iterator[Path]:
    (folder / "subscriber.py").write_text(SUBSCRIBER)
    seen = folder / "seen"
    process = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "subscriber", "worker", "-P", "solo", "-Q", "billing", "-n", "billing@%h"],
        cwd=folder,
        env={**environment, "SEEN": str(seen), "DJANGO_SETTINGS_MODULE": ""},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    try:
        yield seen
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.django_db(transaction=True)
def test_a_subscriber_that_has_only_celery_gets_what_was_lost_and_what_it_failed_at(
    process_environment: dict[str, str], tmp_path: Path
) -> None:
    def lies_in_its_queue() -> None:
        with override_settings(ORCHESTRATION={"SUBSCRIBERS": ("billing",)}):
            passes(10_000)
            put_back_unheard_copies()
        while drain():
            pass

    with override_settings(ORCHESTRATION={"SUBSCRIBERS": ("billing",)}), transaction.atomic():
        publish_event(type=EVENT, source="test", key="k", data={"outcome": "lost"}, event_id="e-1")
    while drain():
        pass
    with current_app.connection_for_write() as broker:
        copy: Any = Queue("billing", routing_key="billing")(broker.default_channel)
        assert copy.purge() == 1  # lost
    lies_in_its_queue()
    with running_worker(), subscriber(tmp_path, process_environment) as seen:
        wait_until(lambda: seen.exists() and "e-1" in seen.read_text(), "the subscriber has it", 30)
        assert unheard() == {"billing"}  # it failed, so it has not said that it has it
        lies_in_its_queue()
        wait_until(lambda: not unheard(), "its receipt has come", 30)
        assert seen.read_text().split() == ["e-1", "e-1"]
