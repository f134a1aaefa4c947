"""The admin shows sagas, finds them, masks what could be of use to others, and lets nobody change them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import Settings

from orchestration.models import InboxMessage, OutboxMessage, Saga
from orchestration.testing import SagaRun
from tests.orchestration.sample import TripInput, trip

LIST = "admin:orchestration_saga_changelist"


@pytest.fixture
def run(db: None) -> SagaRun:
    faults = ["sample.confirm", "sample.free_seat"]
    return SagaRun(trip, TripInput(name="Canary Lovelace"), reference="T-1", reject_at=faults).until_rest()


def page_of(client: Client, run: SagaRun) -> str:
    return client.get(reverse("admin:orchestration_saga_change", args=[run.id])).content.decode()


def found(client: Client, **query: str) -> bool:
    answer = client.get(reverse(LIST), query)
    assert answer.status_code == 200
    return ">T-1</" in answer.content.decode()


@pytest.mark.parametrize("model", ["saga", "incident", "inboxmessage", "outboxmessage"])
def test_every_list_is_shown_and_searched(admin_client: Client, run: SagaRun, model: str) -> None:
    address = reverse(f"admin:orchestration_{model}_changelist")
    for query in ({}, {"q": "T-1"}, {"q": str(run.id)}, {"q": "nobody@example.com"}):
        assert admin_client.get(address, query).status_code == 200


def test_a_saga_is_found_by_what_people_call_it(admin_client: Client, run: SagaRun) -> None:
    for called in ("T-1", "t-1", "T-", f" {run.id} ", run.saga.business_key):
        assert found(admin_client, q=called)
    assert not found(admin_client, q="T-2")


def keys_of_ada(text: str) -> list[str]:
    """Stands in for a project's search: everything of one customer."""
    return list(Saga.objects.values_list("business_key", flat=True)) if text == "ada@example.com" else []


def test_a_saga_is_found_by_what_only_the_project_understands(
    admin_client: Client, run: SagaRun, settings: Settings
) -> None:
    settings.ORCHESTRATION = {"ADMIN_SEARCH": f"{__name__}.keys_of_ada"}
    assert found(admin_client, q="ada@example.com")
    assert not found(admin_client, q="bob@example.com")
    settings.ORCHESTRATION = {}
    assert not found(admin_client, q="ada@example.com")


@pytest.mark.parametrize(
    ("query", "is_found"),
    [
        ({"state__exact": "undo_failed"}, True),
        ({"state__exact": "completed"}, False),
        ({"definition": "sample.trip"}, True),
        ({"definition": "orders.fulfil"}, False),
        ({"milestone": "Registered"}, True),
        ({"milestone": "Issued"}, False),
        ({"milestone": "-"}, False),
        ({"attention": "incident"}, True),
        ({"attention": "open"}, True),
        ({"attention": "paused"}, False),
        ({"age": "hour"}, True),
        ({"age": "open-hour"}, False),
    ],
)
def test_sagas_are_filtered(
    admin_client: Client, run: SagaRun, query: dict[str, str], is_found: bool
) -> None:
    assert found(admin_client, **query) is is_found


@pytest.mark.parametrize("name", ["age", "attention", "definition", "milestone", "state__exact"])
def test_a_choice_that_no_filter_offers_is_refused(admin_client: Client, name: str) -> None:
    response = admin_client.get(reverse("admin:orchestration_saga_changelist"), {name: "nonsense"})
    assert response.status_code == 400


def test_an_old_saga_that_is_open_is_filtered_by_its_age(admin_client: Client, run: SagaRun) -> None:
    Saga.objects.filter(id=run.id).update(created_at=run.saga.created_at - timedelta(days=2))
    assert found(admin_client, age="open-day")
    assert not found(admin_client, age="open-week")
    assert not found(admin_client, age="day")


def test_nobody_changes_a_saga_by_hand(admin_client: Client, run: SagaRun) -> None:
    assert admin_client.get(reverse("admin:orchestration_saga_add")).status_code == 403
    admin_client.post(reverse("admin:orchestration_saga_change", args=[run.id]), {"state": "completed"})
    refused = admin_client.post(reverse("admin:orchestration_saga_delete", args=[run.id]), {"post": "yes"})
    assert refused.status_code == 403
    assert Saga.objects.get(id=run.id).state == "undo_failed"


def test_every_page_says_what_to_use_instead(admin_client: Client, run: SagaRun) -> None:
    assert (
        "The page of a saga says which commands change its course"
        in admin_client.get(reverse(LIST)).content.decode()
    )
    assert "The engine owns these rows." in page_of(admin_client, run)


def test_the_pages_of_messages_are_shown_without_their_content(admin_client: Client, db: None) -> None:
    inbox = InboxMessage.objects.create(
        source="test", event_id="1", type="sample.seat_free", key="k", envelope={"data": {"seat": "secret"}}
    )
    outbox = OutboxMessage.objects.create(kind="event", payload={"data": {"seat": "secret"}})
    for model, row in (("inboxmessage", inbox), ("outboxmessage", outbox)):
        page = admin_client.get(reverse(f"admin:orchestration_{model}_change", args=[row.pk]))
        assert page.status_code == 200
        assert b"secret" not in page.content


def test_a_list_of_many_sagas_takes_no_more_queries_than_one_of_few(
    admin_client: Client, run: SagaRun
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            assert admin_client.get(reverse(LIST)).status_code == 200
        return len(seen)

    queries()  # content types are read once in a process
    few = queries()
    for number in range(3):
        SagaRun(trip, TripInput(name="Ada"), reference=f"T-9{number}").until_rest()
    assert queries() == few <= 7
