"""A queue that nobody takes: the saga that waits for it is put before a person, and nobody else is."""

from __future__ import annotations

import re

import pytest
from celery import current_app
from celery.app.utils import find_app
from django.db import connection
from django.test.utils import CaptureQueriesContext

from orchestration.broker.canvas import CeleryTransport
from orchestration.core.planning.kinds import IncidentKind
from orchestration.engine.incidents.runbooks import runbook
from orchestration.engine.messages import probes, untaken
from orchestration.engine.messages.transport import use_transport
from orchestration.models import Incident, QueueProbe, Saga
from orchestration.testing import SagaRun
from orchestration.testing.transport import HandTransport
from tests.orchestration.sample import TripInput, trip

pytestmark = pytest.mark.django_db
QUEUE = "sample"


@pytest.fixture(autouse=True)
def _afresh(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    QueueProbe.objects.all().delete()
    monkeypatch.setattr(untaken, "_asked_at", -untaken.ASK_EVERY)


@pytest.fixture
def run() -> SagaRun:
    """A saga whose step lies in its queue, and a probe that has not come back for two minutes."""
    run = SagaRun(trip, TripInput(name="Ada")).until(lambda each: "sample.register" in each.done)
    while True:
        run.skip(20)
        probe = QueueProbe.objects.filter(queue=QUEUE).first()
        if probe is not None and probe.unanswered >= untaken.SILENT_PROBES:
            break
    assert Saga.objects.get(id=run.id).awaits_queue == QUEUE
    assert run.incidents == []
    return run


def _sweep(run: SagaRun, taken: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HandTransport, "queues_taken", lambda self: taken)
    with use_transport(run.transport):
        probes.ask_again()


def test_where_no_worker_takes_it_a_person_is_told_and_it_closes_with_the_first_probe(
    run: SagaRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    _sweep(run, {"orchestration", "other"}, monkeypatch)
    [incident] = run.incidents
    assert (incident.kind, incident.message) == ("queue_untaken", "no worker takes the queue 'sample'")
    (printed,) = re.findall(r"`celery -A (\S+) worker -Q sample`", incident.runbook)
    assert find_app(printed) is current_app._get_current_object()  # type: ignore[attr-defined]
    run.until_rest()
    assert (run.state, run.incidents) == ("completed", [])


@pytest.mark.parametrize("taken", [{"orchestration", QUEUE}, set()], ids=["only long", "nobody answers"])
def test_a_queue_that_is_only_long_and_workers_that_do_not_answer_are_no_incident(
    run: SagaRun, monkeypatch: pytest.MonkeyPatch, taken: set[str]
) -> None:
    _sweep(run, taken, monkeypatch)
    assert not Incident.objects.exists()


def test_the_workers_are_asked_at_most_once_a_minute(run: SagaRun, monkeypatch: pytest.MonkeyPatch) -> None:
    _sweep(run, set(), monkeypatch)
    _sweep(run, {"orchestration"}, monkeypatch)
    assert not Incident.objects.exists()


def test_every_kind_of_incident_has_its_runbook() -> None:
    run = SagaRun(trip, TripInput(name="Ada"))
    for kind in IncidentKind:
        assert len(runbook(run.saga, kind, step="sample.charge", outbox=1)) > 60, kind


def test_an_answer_where_nothing_was_told_changes_no_row(run: SagaRun) -> None:
    with CaptureQueriesContext(connection) as seen:
        untaken.close_untaken(QUEUE)
    assert [query["sql"].split()[0] for query in seen] == ["SELECT"]


@pytest.mark.parametrize(
    "answers", [5, [], ["x"], {"a": 5}, {"a": [5, {}, {"name": 5}]}, {"a": {"error": "x"}}, None]
)
def test_whoever_answers_for_a_worker_that_is_none_ends_no_sweep(
    monkeypatch: pytest.MonkeyPatch, answers: object
) -> None:
    monkeypatch.setattr("celery.app.control.Inspect.active_queues", lambda _: answers)
    assert CeleryTransport().queues_taken() == set()
    monkeypatch.setattr(
        "celery.app.control.Inspect.active_queues", lambda _: {"a": [{"name": "q"}, 5], "b": 5}
    )
    assert CeleryTransport().queues_taken() == {"q"}
