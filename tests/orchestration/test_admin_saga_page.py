"""The page of one saga: incidents, flow, steps and history, with links to whatever is beside it."""

from __future__ import annotations

import json

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django_celery_results.models import TaskResult
from pytest_django import Settings

from orchestration.admin.masking import MASK, masked, shown
from orchestration.models import Saga, SagaStep
from orchestration.testing import SagaRun
from tests.orchestration.sample import TripInput, trip
from tests.orchestration.test_admin import page_of


@pytest.fixture
def run(db: None) -> SagaRun:
    faults = ["sample.confirm", "sample.free_seat"]
    return SagaRun(trip, TripInput(name="Canary Lovelace"), reference="T-1", reject_at=faults).until_rest()


def test_it_tells_what_happened_and_what_was_given(admin_client: Client, run: SagaRun) -> None:
    page = page_of(admin_client, run)
    for told in ("sample.confirm says no by script", "undo begins", "Look at the provider", "undo failed"):
        assert told in page
    assert "Canary Lovelace" in page


def test_it_begins_with_incidents_and_ends_with_history(admin_client: Client, run: SagaRun) -> None:
    page = page_of(admin_client, run)
    order = [page.index(f'id="{part}-heading"') for part in ("incidents", "flow", "steps", "history")]
    assert order == sorted(order)


def test_what_could_be_of_use_to_others_is_masked(admin_client: Client, run: SagaRun) -> None:
    given = {"card": "card_canary_1", "customer": {"api_key": "canary_2", "name": "Ada <b>"}}
    Saga.objects.filter(id=run.id).update(input=given)
    SagaStep.objects.filter(saga_id=run.id, name="sample.register").update(
        input={"accessToken": "canary_3"},
        result={"list": [{"password": "canary_4"}]},
        error={"message": "no", "data": {"card_number": "canary_5"}, "traceback": "Traceback: <here>"},
    )
    page = page_of(admin_client, run)
    assert "canary_" not in page
    assert MASK in page
    assert "Ada &lt;b&gt;" in page
    assert "Traceback: &lt;here&gt;" in page


@pytest.mark.parametrize(
    "key", ["card", "card_token", "cardToken", "Gateway-Secret", "PASSWORD", "authorization"]
)
def test_keys_that_sound_like_a_secret_are_masked(key: str) -> None:
    assert masked({"a": [{key: "canary"}]}) == {"a": [{key: MASK}]}


@pytest.mark.parametrize(
    "key", ["authorization_id", "carrier", "discard", "tracking", "tokenized_at", "name"]
)
def test_other_keys_are_shown(key: str) -> None:
    assert masked({key: "value"}) == {key: "value"}


def test_nothing_is_shown_as_nothing() -> None:
    nothing: list[object] = [None, {}, [], ""]
    assert [shown(empty) for empty in nothing] == [""] * 4
    assert masked({"card": None}) == {"card": None}


def test_the_flow_is_drawn_as_it_stands_in_this_saga(admin_client: Client, run: SagaRun) -> None:
    address = reverse("admin:orchestration_saga_flow", args=[run.id])
    assert f'src="{address}"' in page_of(admin_client, run)
    picture = admin_client.get(address)
    assert picture["Content-Type"] == "image/svg+xml"
    assert picture["Content-Security-Policy"].startswith("default-src 'none'")
    assert "is-rejected" in picture.content.decode()


def test_the_flow_is_for_those_who_may_see_sagas(client: Client, run: SagaRun) -> None:
    address = reverse("admin:orchestration_saga_flow", args=[run.id])
    assert client.get(address).status_code == 302
    client.force_login(User.objects.create_user("clerk", is_staff=True))
    assert client.get(address).status_code == 403


def test_a_saga_of_an_unknown_version_is_shown_without_its_flow(admin_client: Client, run: SagaRun) -> None:
    Saga.objects.filter(id=run.id).update(version=99)
    assert "flow-heading" not in page_of(admin_client, run)
    assert admin_client.get(reverse("admin:orchestration_saga_flow", args=[run.id])).status_code == 404


def beside(business_key: str) -> list[tuple[str, str]]:
    """Stands in for a project's links."""
    return [("The booking", f"/bookings/{business_key}/")]


def test_it_links_to_what_the_project_names_and_to_flower(
    admin_client: Client, run: SagaRun, settings: Settings
) -> None:
    SagaStep.objects.filter(saga_id=run.id, name="sample.register").update(task_id="task-1")
    settings.ORCHESTRATION = {"ADMIN_LINKS": f"{__name__}.beside", "FLOWER_URL": "http://flower.test/"}
    page = page_of(admin_client, run)
    assert f'href="/bookings/{run.saga.business_key}/"' in page
    assert 'href="http://flower.test/task/task-1"' in page
    settings.ORCHESTRATION = {}
    page = page_of(admin_client, run)
    assert "/bookings/" not in page
    assert "/task/task-1" not in page


def failing(argument: str) -> list[tuple[str, str]]:
    """Stands in for a project's code with a bug."""
    raise KeyError(argument)


def of_three(argument: str) -> list[tuple[str, str, str]]:
    """Stands in for a project's links as nobody asked for them."""
    return [("The booking", "/bookings/", "more")]


@pytest.mark.parametrize("name", ["failing", "of_three"])
def test_a_bug_in_what_the_project_names_keeps_nobody_from_the_page(
    admin_client: Client, run: SagaRun, settings: Settings, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    settings.ORCHESTRATION = {"ADMIN_LINKS": f"{__name__}.{name}", "ADMIN_SEARCH": f"{__name__}.failing"}
    assert "sample.register" in page_of(admin_client, run)
    told = [each for each in caplog.records if each.name == "orchestration.admin.beside"]
    assert "ORCHESTRATION['ADMIN_LINKS']" in told[0].getMessage()
    assert told[0].exc_info is not None
    found = admin_client.get(reverse("admin:orchestration_saga_changelist"), {"q": "T-1"})
    assert found.status_code == 200


def test_a_failed_task_and_its_step_are_linked_both_ways(admin_client: Client, run: SagaRun) -> None:
    step = run.step("sample.confirm")
    SagaStep.objects.filter(id=step.id).update(task_id="task-7")
    kept = TaskResult.objects.create(
        task_id="task-7",
        task_name="sample.confirm",
        status="FAILURE",
        task_kwargs=json.dumps({"saga": str(run.id), "order": "T-1"}),
        result=json.dumps({"error": "StepRejected", "message": "no", "card": "canary"}),
    )
    of_task = reverse("admin:django_celery_results_taskresult_change", args=[kept.pk])
    of_saga = reverse("admin:orchestration_saga_change", args=[run.id])
    assert f'href="{of_task}"' in page_of(admin_client, run)
    page = admin_client.get(of_task).content.decode()
    assert f'href="{of_saga}#step-{step.id}"' in page
    assert "canary" not in page
    SagaStep.objects.filter(id=step.id).update(task_id="task-8")
    assert f'href="{of_saga}"' in admin_client.get(of_task).content.decode()


def test_task_results_are_found_by_order_and_read_only(admin_client: Client, db: None) -> None:
    TaskResult.objects.create(
        task_id="task-9", task_name="a.task", status="FAILURE", task_kwargs='{"order": "T-9"}'
    )
    TaskResult.objects.create(task_id="odd", task_name="b.task", status="FAILURE", task_kwargs="not json")
    address = reverse("admin:django_celery_results_taskresult_changelist")
    assert b"a.task" in admin_client.get(address, {"q": "T-9"}).content
    assert b"a.task" not in admin_client.get(address, {"q": "T-8"}).content
    assert b"b.task" in admin_client.get(address).content
    assert admin_client.get(reverse("admin:django_celery_results_taskresult_add")).status_code == 403


def test_a_long_saga_takes_no_more_queries_than_a_short_one(admin_client: Client, run: SagaRun) -> None:
    short = SagaRun(trip, TripInput(name="Ada", full=True), reference="T-2").until_rest()

    def queries(of: SagaRun) -> int:
        with CaptureQueriesContext(connection) as seen:
            page_of(admin_client, of)
        return len(seen)

    queries(run)
    SagaStep.objects.filter(saga_id=short.id).update(task_id="task")
    SagaStep.objects.filter(saga_id=run.id).update(task_id="task")
    assert SagaStep.objects.filter(saga_id=run.id).count() > SagaStep.objects.filter(saga_id=short.id).count()
    # Whether one that goes forward may still be cancelled, its rows say.
    assert (run.state, short.state) == ("undo_failed", "waiting")
    assert queries(run) + 1 == queries(short) <= 13
