"""The first page says how much there is to do and leads there."""

from __future__ import annotations

import json

from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django_celery_results.models import TaskResult
from pytest_django import Settings

from orchestration.models import Saga, SagaEvent
from orders.models import Order


def cards_of(client: Client) -> dict[str, int]:
    return {card.title: card.number for card in client.get(reverse("admin:index")).context["cards"]}


def test_it_counts_what_is_under_way(operator: Client, order: Order) -> None:
    assert cards_of(operator) == {
        "Open incidents": 0,
        "Sagas under way": 0,
        "Being undone": 0,
        "Orders in hand": 1,
        "Waiting for stock": 1,
        "Sold out": 1,
        "Failed tasks": 0,
        "Unsent messages": 0,
    }


def test_every_card_leads_to_a_page(operator: Client, order: Order) -> None:
    for card in operator.get(reverse("admin:index")).context["cards"]:
        answer = operator.get(card.url)
        assert answer.status_code == 200, card.url


def test_a_card_about_sagas_leads_to_those_it_counts(operator: Client) -> None:
    for state in ("running", "waiting", "compensating", "undo_failed"):
        Saga.objects.create(definition="d", version=1, business_key=state, state=state, input={})
    cards = {card.title: card for card in operator.get(reverse("admin:index")).context["cards"]}
    for title, states, number in (
        ("Sagas under way", {"running", "waiting"}, 1),  # the waiting ones are told beside the number
        ("Being undone", {"compensating", "undo_failed"}, 2),
    ):
        listed = operator.get(cards[title].url).context["cl"].result_list
        assert {saga.state for saga in listed} == states
        assert cards[title].number == number


def test_after_a_wrong_clock_it_says_how_many_sagas_were_concerned(operator: Client) -> None:
    assert "Times corrected" not in cards_of(operator)
    for key in ("one", "two"):
        saga = Saga.objects.create(definition="d", version=1, business_key=key, input={})
        if key == "one":
            for seq in (1, 2):
                SagaEvent.objects.create(saga=saga, seq=seq, kind="times_corrected")
    cards = {card.title: card for card in operator.get(reverse("admin:index")).context["cards"]}
    assert cards["Times corrected"].number == 1
    listed = operator.get(cards["Times corrected"].url).context["cl"].result_list
    assert [saga.business_key for saga in listed] == ["one"]


def test_it_shows_only_what_one_may_see(client: Client, order: Order) -> None:
    client.force_login(User.objects.create_user("clerk", is_staff=True))
    assert cards_of(client) == {}


def test_it_links_to_flower_where_that_is_known(operator: Client, settings: Settings) -> None:
    settings.ORDERLY_FLOWER_URL = "http://flower.test/"
    assert "http://flower.test/" in operator.get(reverse("admin:index")).content.decode()
    settings.ORDERLY_FLOWER_URL = ""
    assert ">Flower</a>" not in operator.get(reverse("admin:index")).content.decode()


def test_it_asks_few_questions(operator: Client, order: Order) -> None:
    operator.get(reverse("admin:index"))
    with CaptureQueriesContext(connection) as seen:
        operator.get(reverse("admin:index"))
    assert len(seen) <= 12, [query["sql"] for query in seen]


def test_every_entry_of_the_sidebar_leads_to_a_page(operator: Client, order: Order) -> None:
    page = operator.get(reverse("admin:index"))
    items = [item for group in page.context["sidebar_navigation"] for item in group["items"]]
    assert len(items) > 15
    for item in items:
        assert operator.get(str(item["link"])).status_code == 200, item["title"]


def test_a_business_no_is_no_failure(db: None, client: Client) -> None:
    for number, error in enumerate(("StepRejected", "StepRejected", "ConnectionError")):
        TaskResult.objects.create(
            task_id=str(number),
            task_name="payments.authorize",
            status="FAILURE",
            result=json.dumps({"error": error, "message": "m"}),
        )
    client.force_login(User.objects.create_superuser("root"))
    cards = {card.title: card for card in client.get("/admin/").context["cards"]}
    card = cards["Failed tasks"]
    assert (card.number, card.words) == (1, "attempts of the last 24 hours; 2 more got a business no")
    listed = client.get(card.url).content.decode()
    assert ("ConnectionError" in listed, "StepRejected" in listed) == (True, False)
    refused = client.get("/admin/django_celery_results/taskresult/?outcome=refused").content.decode()
    assert ("ConnectionError" in refused, "StepRejected" in refused) == (False, True)
