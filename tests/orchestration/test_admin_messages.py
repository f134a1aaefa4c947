"""What the admin says of messages and of what does not fit: called as people and code call it, and led to from each other."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission, User
from django.db import transaction
from django.test import Client
from django.urls import reverse

from orchestration.engine.flow.inbox import receive_event
from orchestration.models import InboxMessage, Incident, OutboxMessage, Saga
from orchestration.services import publish_event
from tests.orchestration.test_deliveries import news, waiting
from tests.orchestration.verdict import EVENT, verdict

pytestmark = pytest.mark.django_db
WRONG = {"outcome": "eaten", "card_token": "tok_canary"}


@pytest.fixture
def saga() -> Saga:
    run = waiting(str(uuid4()), verdict)[0]
    Saga.objects.filter(pk=run.id).update(reference="T-77")
    return run.saga


def page(client: Client, address: str, *args: object) -> str:
    answer = client.get(reverse(f"admin:orchestration_{address}", args=args))
    assert answer.status_code == 200
    return answer.content.decode()


def title(text: str) -> str:
    """What stands last in the header."""
    parts = re.findall(r"truncate tracking-tight[^>]*>\s*(.*?)\s*</", text, re.DOTALL)
    return str(parts[-1])


def test_lists_say_what_people_call_it(admin_client: Client, saga: Saga) -> None:
    receive_event(news(saga.business_key))
    with transaction.atomic():
        publish_event(type=EVENT, key=saga.business_key, source="sample", data={"outcome": "lost"})
    for listed in ("inboxmessage", "outboxmessage"):
        text = page(admin_client, f"{listed}_changelist")
        assert "T-77" in text
        assert saga.business_key not in text


def test_the_page_of_an_event_leads_to_its_sagas_and_says_its_key(admin_client: Client, saga: Saga) -> None:
    with transaction.atomic():
        publish_event(type=EVENT, key=saga.business_key, source="sample", data={"outcome": "lost"})
    text = page(admin_client, "outboxmessage_change", OutboxMessage.objects.get(kind="event").pk)
    assert f'href="{reverse("admin:orchestration_saga_change", args=[saga.pk])}">T-77</a>' in text
    assert saga.business_key in text


def test_a_code_name_in_a_title_stands_as_it_is(admin_client: Client, saga: Saga) -> None:
    receive_event(news(saga.business_key, WRONG))
    incident = Incident.objects.get()
    assert title(page(admin_client, "incident_change", incident.pk)) == f"event_misfit: {EVENT}"
    told = title(page(admin_client, "inboxmessage_change", InboxMessage.objects.get().pk))
    assert told == f"{EVENT} for T-77"


def test_what_does_not_fit_is_shown_where_it_is_told_and_masked(admin_client: Client, saga: Saga) -> None:
    receive_event(news(saga.business_key, WRONG))
    incident = Incident.objects.get()
    for text in (
        page(admin_client, "incident_change", incident.pk),
        page(admin_client, "saga_change", saga.pk),
    ):
        assert "eaten" in text
        assert "tok_canary" not in text
    receive_event({**news(saga.business_key), "data": {"outcome": "lost"}})
    assert "eaten" not in page(admin_client, "incident_change", incident.pk)


def test_who_may_not_see_sagas_is_not_shown_what_an_event_holds(client: Client, saga: Saga) -> None:
    receive_event(news(saga.business_key, WRONG))
    clerk = User.objects.create_user("clerk", is_staff=True)
    clerk.user_permissions.add(Permission.objects.get(codename="view_incident"))
    client.force_login(clerk)
    text = page(client, "incident_change", Incident.objects.get().pk)
    assert "What to do" in text
    assert "eaten" not in text


def test_the_name_of_a_column_has_one_capital(admin_client: Client, saga: Saga) -> None:
    receive_event(news(saga.business_key, WRONG))
    pages = [
        page(admin_client, f"{listed}_changelist") for listed in ("inboxmessage", "outboxmessage", "incident")
    ]
    pages.append(page(admin_client, "inboxmessage_change", InboxMessage.objects.get().pk))
    labels = [label for text in pages for label in re.findall(r'data-label="([^"]+)"', text)]
    assert "Applied at" in labels
    assert [label for label in labels if label != label[0].upper() + label[1:].lower()] == []
