"""The admin shows sagas and lets nobody change them."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from orchestration.models import InboxMessage, OutboxMessage, Saga
from orchestration.testing import SagaRun
from tests.orchestration.sample import TripInput, trip


@pytest.fixture
def run(db: None) -> SagaRun:
    faults = ["sample.confirm", "sample.free_seat"]
    return SagaRun(trip, TripInput(name="Canary Lovelace"), reference="T-1", reject_at=faults).until_rest()


@pytest.mark.parametrize("model", ["saga", "incident", "inboxmessage", "outboxmessage"])
def test_every_list_is_shown_and_searched(admin_client: Client, run: SagaRun, model: str) -> None:
    address = reverse(f"admin:orchestration_{model}_changelist")
    for query in ({}, {"q": "T-1"}, {"q": str(run.id)}):
        assert admin_client.get(address, query).status_code == 200


def test_a_saga_is_found_by_what_people_call_it(admin_client: Client, run: SagaRun) -> None:
    address = reverse("admin:orchestration_saga_changelist")
    for called in ("T-1", str(run.id), run.saga.business_key):
        assert b"T-1</a>" in admin_client.get(address, {"q": called}).content
    assert b"T-1</a>" not in admin_client.get(address, {"q": "T-2"}).content


def test_a_saga_page_tells_what_happened_and_not_what_was_given(admin_client: Client, run: SagaRun) -> None:
    page = admin_client.get(reverse("admin:orchestration_saga_change", args=[run.id])).content.decode()
    for told in ("sample.confirm says no by script", "undo_begun", "Look at the provider", "undo failed"):
        assert told in page
    assert "Canary" not in page


def test_nobody_changes_a_saga_by_hand(admin_client: Client, run: SagaRun) -> None:
    assert admin_client.get(reverse("admin:orchestration_saga_add")).status_code == 403
    admin_client.post(reverse("admin:orchestration_saga_change", args=[run.id]), {"state": "completed"})
    assert (
        admin_client.post(
            reverse("admin:orchestration_saga_delete", args=[run.id]), {"post": "yes"}
        ).status_code
        == 403
    )
    assert Saga.objects.get(id=run.id).state == "undo_failed"


def test_the_pages_of_messages_are_shown(admin_client: Client, db: None) -> None:
    inbox = InboxMessage.objects.create(
        source="test", event_id="1", type="sample.seat_free", key="k", envelope={"data": {"seat": "secret"}}
    )
    outbox = OutboxMessage.objects.create(kind="event", payload={"data": {"seat": "secret"}})
    for model, row in (("inboxmessage", inbox), ("outboxmessage", outbox)):
        page = admin_client.get(reverse(f"admin:orchestration_{model}_change", args=[row.pk]))
        assert page.status_code == 200
        assert b"secret" not in page.content
