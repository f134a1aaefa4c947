"""An event of our own that a worker has set aside: it stops, it is shown, and a person has it sent again."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.test import Client, override_settings
from django.urls import reverse

from orchestration.engine.messages.seals import name_seal
from orchestration.engine.messages.transport import use_transport
from orchestration.engine.outbox.drain import LONGEST_WAIT, drain
from orchestration.engine.outbox.receipts import put_back_lost_events
from orchestration.engine.outbox.sweep import sweep
from orchestration.errors import MessageNotFound, SendFailed, TransitionRefused
from orchestration.models import DeadLetter, InboxMessage, Incident, OutboxMessage
from orchestration.services import publish_event, resend_event
from orchestration.signals import incident_closed
from orchestration.tasks import receive_event
from orchestration.testing import SagaRun
from orchestration.testing.mail import EventMail
from orchestration.testing.transport import HandTransport
from tests.bootstrap.running_system import wait_until
from tests.orchestration.sample import TripInput, trip
from tests.orchestration.worker_process import empty, publish_raw, worker_process

WHY: dict[str, Any] = {"by": "ada", "reason": "the limit is raised"}
TOO_SMALL = override_settings(ORCHESTRATION={"MAX_MESSAGE_BYTES": 400})
"""A worker whose limit is not that of whoever has published."""


@pytest.fixture
def waiting(db: None) -> SagaRun:
    """A saga that waits for a seat."""
    run = SagaRun(trip, TripInput(name="Ada", full=True)).until_rest()
    assert run.state == "waiting"
    return run


def on_its_way(run: SagaRun) -> list[EventMail]:
    """Relay what is unsent; the events that lie in the broker."""
    with use_transport(run.transport):
        sweep()
    return [mail for mail in run.transport.mail if isinstance(mail, EventMail)]


def set_aside_by_its_worker(run: SagaRun) -> OutboxMessage:
    """Publish news of a seat that is too long for its worker; its outbox message when the heartbeat has seen that."""
    run.send("sample.seat_free", {"seat": "12A" * 100})
    [mail] = on_its_way(run)
    with TOO_SMALL:
        receive_event(envelope=mail.envelope)
    run.transport.lose_everything()
    run.skip(11)
    return OutboxMessage.objects.get(kind="event")


def test_it_is_not_sent_again_by_itself_and_an_incident_names_the_wait(waiting: SagaRun) -> None:
    message = set_aside_by_its_worker(waiting)
    assert message.set_aside_at == DeadLetter.objects.get().last_at
    assert (message.received_at, message.losses) == (None, 0)
    assert "at most 400 are taken" in message.last_error
    [incident] = waiting.incidents
    assert (incident.kind, incident.step) == ("event_set_aside", "sample.seat_free")
    assert f"Outbox message {message.id}" in incident.message
    for _ in range(5):
        waiting.skip(3600)
        assert on_its_way(waiting) == []
        while waiting.carry_one():  # a probe, if there were one
            pass
    assert len(waiting.incidents) == 1
    assert OutboxMessage.objects.get(kind="event").losses == 0


def test_a_person_has_it_sent_again_and_the_saga_goes_on(waiting: SagaRun) -> None:
    message = set_aside_by_its_worker(waiting)
    with use_transport(waiting.transport):
        resend_event(message_id=message.id, **WHY)
    message.refresh_from_db()
    assert (message.sent_at, message.set_aside_at, message.resent_by) == (None, None, "ada")
    assert waiting.incidents == []
    entry = waiting.saga.history.get(kind="event_resent")
    assert (entry.who, entry.data["reason"]) == ("ada", "the limit is raised")
    assert waiting.until_rest().state == "completed"
    waiting.skip(11)
    message.refresh_from_db()
    assert message.received_at == InboxMessage.objects.get().received_at


def test_whoever_listens_is_told_that_its_incident_is_closed(
    waiting: SagaRun, django_capture_on_commit_callbacks: Any
) -> None:
    message = set_aside_by_its_worker(waiting)
    closed: list[tuple[str, str]] = []

    def note(sender: object, incident: Incident, **_: object) -> None:
        closed.append((incident.kind, incident.resolved_by))

    incident_closed.connect(note, sender=Incident)
    try:
        with django_capture_on_commit_callbacks(execute=True), use_transport(waiting.transport):
            resend_event(message_id=message.id, **WHY)
    finally:
        incident_closed.disconnect(note, sender=Incident)
    assert closed == [("event_set_aside", "ada")]


def test_set_aside_once_more_it_stops_once_more(waiting: SagaRun) -> None:
    message = set_aside_by_its_worker(waiting)
    with use_transport(waiting.transport):
        resend_event(message_id=message.id, **WHY)
    waiting.skip(11)
    [mail] = on_its_way(waiting)
    with TOO_SMALL:
        receive_event(envelope=mail.envelope)
    waiting.transport.lose_everything()
    waiting.skip(11)
    message.refresh_from_db()
    assert message.set_aside_at is not None
    assert DeadLetter.objects.get().times == 2
    assert [incident.kind for incident in waiting.incidents] == ["event_set_aside"]


def test_an_old_letter_says_nothing_of_what_was_sent_since(waiting: SagaRun) -> None:
    message = set_aside_by_its_worker(waiting)
    with use_transport(waiting.transport):
        resend_event(message_id=message.id, **WHY)
    assert len(on_its_way(waiting)) == 1
    waiting.transport.lose_everything()
    waiting.skip(11)
    message.refresh_from_db()
    assert message.set_aside_at is None


def test_another_copy_that_arrives_all_the_same_closes_the_incident(waiting: SagaRun) -> None:
    message = set_aside_by_its_worker(waiting)
    receive_event(envelope=message.payload)
    put_back_lost_events()
    message.refresh_from_db()
    assert (message.set_aside_at, message.received_at) == (None, InboxMessage.objects.get().received_at)
    assert waiting.incidents == []


def test_a_saga_that_ends_without_it_closes_its_incident(waiting: SagaRun) -> None:
    set_aside_by_its_worker(waiting)
    waiting.cancel().until(lambda run: run.state == "cancelled")
    assert waiting.incidents == []


def test_a_letter_of_somebody_elses_event_or_queue_stops_nothing(waiting: SagaRun) -> None:
    waiting.send("sample.seat_free", {"seat": "12A" * 100})
    [mail] = on_its_way(waiting)
    with TOO_SMALL:
        receive_event(envelope={**mail.envelope, "source": "another"})
        receive_event(envelope={**mail.envelope, "id": "another"})
        receive_event(envelope=mail.envelope)
    DeadLetter.objects.filter(event=DeadLetter.objects.latest("id").event).update(
        task="billing.receive_event"
    )
    waiting.transport.lose_everything()
    waiting.skip(11)
    assert OutboxMessage.objects.get(kind="event").set_aside_at is None


def test_what_was_not_set_aside_is_not_sent_by_hand(waiting: SagaRun) -> None:
    waiting.send("sample.seat_free", {"seat": "12A"})
    message = OutboxMessage.objects.get(kind="event")
    with pytest.raises(TransitionRefused, match="was not set aside"):
        resend_event(message_id=message.id, **WHY)
    with pytest.raises(MessageNotFound):
        resend_event(message_id=message.id + 1, **WHY)
    with pytest.raises(MessageNotFound, match="there is no message 'x' in the outbox"):
        resend_event(message_id="x", **WHY)  # type: ignore[arg-type]  # that is what is tried
    with pytest.raises(IntegrityError), transaction.atomic():
        OutboxMessage.objects.filter(id=message.id).update(set_aside_at=Now())  # it has not even been sent


def test_it_is_shown_in_the_admin_and_sent_again_from_the_terminal(
    waiting: SagaRun, admin_client: Client
) -> None:
    message = set_aside_by_its_worker(waiting)
    page = admin_client.get(
        reverse("admin:orchestration_outboxmessage_changelist"), {"set_aside_at__isempty": "0"}
    )
    assert b"set aside" in page.content
    assert b"has the command that sends it again" in page.content
    out = StringIO()
    call_command("saga", "dead-letters", stdout=out)
    assert f"{message.id}" in out.getvalue()
    assert f"python3 manage.py saga resend {message.id} --reason mended" in out.getvalue()
    out = StringIO()
    with use_transport(waiting.transport):
        call_command(
            "saga", "resend", str(message.id), "--reason", "mended", "--by", "ada", "--json", stdout=out
        )
        with pytest.raises(CommandError, match="was not set aside"):
            call_command("saga", "resend", str(message.id), "--reason", "mended")
    assert json.loads(out.getvalue())["message"] == message.id
    assert waiting.until_rest().state == "completed"


def test_a_real_worker_says_which_event_it_was_although_the_body_is_broken(
    process_environment: dict[str, str], transactional_db: None
) -> None:
    empty("orchestration")
    with use_transport(HandTransport()):
        with transaction.atomic():
            publish_event(type="a.happened", source="test", key=str(uuid4()), event_id="e-1")
        drain()  # "sent" by hand; what the worker gets is its broken twin
    headers = {"task": "orchestration.receive_event", "id": str(uuid4()), "lang": "py"}
    named = {"event_source": "test", "event_id": "e-1", "event_seal": name_seal("test", "e-1")}
    with worker_process(process_environment, "-c", "1", queues=("orchestration",)):
        publish_raw(b'{"broken": ', headers={**headers, **named})
        wait_until(lambda: DeadLetter.objects.exists(), "it is set aside", 30)
        OutboxMessage.objects.update(sent_at="2026-01-01T00:00:00Z")
        wait_until(
            lambda: OutboxMessage.objects.get().set_aside_at is not None, "the heartbeat has seen that", 30
        )
    message = OutboxMessage.objects.get()
    assert (message.losses, message.last_error) == (0, "set aside: undecodable. application/json")


class Refusing(HandTransport):
    """A broker that refuses the events of one key."""

    refused = ""

    def send_event(self, envelope: dict[str, Any]) -> None:
        if envelope["key"] == self.refused:
            raise SendFailed("too long for this broker")
        super().send_event(envelope)


def test_a_message_that_the_broker_refuses_is_tried_ever_more_slowly_and_holds_up_no_other(db: None) -> None:
    broker = Refusing()
    broker.refused = "odd"
    with use_transport(broker):
        for key in ("odd", "a", "b"):
            with transaction.atomic():
                publish_event(type="a.happened", source="test", key=key)
        with pytest.raises(SendFailed, match="too long"):
            drain()
        assert [drain(), drain()] == [2, 0]
        odd = OutboxMessage.objects.get(payload__key="odd")
        assert (odd.send_failures, odd.losses, odd.last_error) == (1, 0, "too long for this broker")
        pauses = []
        for _ in range(6):
            before = OutboxMessage.objects.get(id=odd.id).send_failures
            OutboxMessage.objects.filter(id=odd.id).update(claimed_until=None)
            with pytest.raises(SendFailed):
                drain()
            row = OutboxMessage.objects.annotate(now=Now()).get(id=odd.id)
            assert row.claimed_until is not None
            assert row.send_failures == before + 1
            pauses.append((row.claimed_until - row.now).total_seconds())
    longest = LONGEST_WAIT.total_seconds()
    expected = [2.0, 4.0, longest, longest, longest, longest]
    assert [round(pause) for pause in pauses] == expected
