"""The history is append-only because the database says so, and not because nobody tries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.utils import Error as DatabaseError
from django.db.utils import IntegrityError

from orchestration.core.planning.kinds import IncidentKind
from orchestration.engine.incidents.opening import open_incident
from orchestration.models import Saga, SagaEvent, SagaStep
from orchestration.testing import SagaRun
from tests.orchestration.sample import TripInput, trip
from tests.roles import give_rights

pytestmark = pytest.mark.owner

INSUFFICIENT_PRIVILEGE = "42501"

Change = Callable[[QuerySet[SagaEvent]], Any]


@pytest.fixture
def run(db: None) -> SagaRun:
    return SagaRun(trip, TripInput(name="Ada"), reject_at="sample.confirm").until_rest()


def _pruning(value: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('orchestration.pruning', %s, true)", [value])


def _refused(change: Callable[[], Any], why: str = "append-only") -> None:
    with pytest.raises(DatabaseError, match=why) as refused, transaction.atomic():
        change()
    assert refused.value.__cause__ is not None
    assert getattr(refused.value.__cause__, "pgcode", "") == INSUFFICIENT_PRIVILEGE


@pytest.mark.parametrize("pruning", ["", "off", "on"])
@pytest.mark.parametrize(
    "change",
    [
        lambda entries: entries.update(kind="forged"),
        lambda entries: entries.filter(seq=1).update(data={}),
        lambda entries: entries.update(saga_id=None),
    ],
)
def test_no_entry_is_ever_changed(run: SagaRun, change: Change, pruning: str) -> None:
    before = list(run.saga.history.values())
    _pruning(pruning)
    _refused(lambda: change(SagaEvent.objects.filter(saga_id=run.id)))
    assert list(run.saga.history.values()) == before


@pytest.mark.parametrize("pruning", ["", "off", "true", "on"])
def test_no_entry_is_deleted_not_even_with_its_saga(run: SagaRun, pruning: str) -> None:
    _pruning(pruning)
    _refused(lambda: run.saga.history.filter(seq=2).delete())
    _refused(lambda: SagaEvent.objects.filter(saga_id=run.id).delete())
    _refused(run.saga.delete)  # Django deletes the entries first
    assert run.saga.history.count() == run.saga.last_seq


@pytest.mark.parametrize("pruning", ["", "off", "true"])
def test_no_saga_is_deleted_unless_it_is_said_that_this_is_pruning(run: SagaRun, pruning: str) -> None:
    _pruning(pruning)
    _refused(lambda: _delete(run, Saga), "is kept")
    assert run.saga.history.count() == run.saga.last_seq


def test_what_has_not_ended_or_waits_for_a_person_is_not_deleted_by_pruning_either(db: None) -> None:
    _pruning("on")
    at_work = SagaRun(trip, TripInput(name="Ada"))
    _refused(lambda: _delete(at_work, Saga), "is kept: it is accepted")
    stuck = SagaRun(trip, TripInput(name="Ada"), reject_at=["sample.confirm", "sample.refund"]).until_rest()
    assert stuck.state == "undo_failed"
    _refused(lambda: _delete(stuck, Saga), "is kept")
    ended = SagaRun(trip, TripInput(name="Ada"), reject_at="sample.confirm").until_rest()
    with transaction.atomic():
        open_incident(ended.saga, IncidentKind.LATE_EFFECT, step="sample.charge", message="it came late")
    _refused(lambda: _delete(ended, Saga), "is kept")


def test_a_saga_is_pruned_as_a_whole_or_not_at_all(run: SagaRun) -> None:
    _pruning("on")
    with pytest.raises(IntegrityError), transaction.atomic():
        _delete_at_once(run, Saga, SagaStep)
    with pytest.raises(IntegrityError), transaction.atomic():
        _delete_at_once(run, Saga, SagaEvent)
    assert run.saga.history.count() == run.saga.last_seq
    _delete_at_once(run, Saga, SagaEvent, SagaStep)
    assert (Saga.objects.count(), SagaEvent.objects.count(), SagaStep.objects.count()) == (0, 0, 0)


def test_what_is_said_in_one_transaction_ends_with_it(transactional_db: None) -> None:
    run = SagaRun(trip, TripInput(name="Ada"), reject_at="sample.confirm").until_rest()
    with transaction.atomic():
        _pruning("on")
    _refused(lambda: _delete(run, Saga), "is kept")


def _delete(run: SagaRun, *models: type[Saga | SagaEvent | SagaStep]) -> None:
    with connection.cursor() as cursor:
        for model in models:
            key = "id" if model is Saga else "saga_id"
            cursor.execute(f"DELETE FROM {model._meta.db_table} WHERE {key} = %s", [run.id])  # noqa: S608


def _delete_at_once(run: SagaRun, *models: type[Saga | SagaEvent | SagaStep]) -> None:
    """Delete these and no others, as if the transaction ended with it: that is when foreign keys are checked."""
    _delete(run, *models)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_the_guard_can_be_taken_back_and_put_there_again(transactional_db: None) -> None:
    run = SagaRun(trip, TripInput(name="Ada"))
    quiet: dict[str, Any] = {"verbosity": 0, "skip_checks": True}
    try:
        call_command("migrate", "orchestration", "0003", **quiet)
        assert SagaEvent.objects.filter(saga_id=run.id).update(who="somebody") == 1
    finally:
        call_command("migrate", "orchestration", **quiet)
        give_rights()  # the tables were made anew, by a test that is nobody but the owner
    _refused(lambda: SagaEvent.objects.filter(saga_id=run.id).update(who="nobody"))
