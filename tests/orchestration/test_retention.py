"""What is removed when it is old enough, and what never is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from orchestration.core.planning.kinds import IncidentKind
from orchestration.engine.incidents.opening import open_incident
from orchestration.models import InboxMessage, Incident, OutboxMessage, Saga, SagaStep
from orchestration.retention import read_age
from orchestration.retention.registry import ages_in_force, prunes
from orchestration.services import skip_step
from orchestration.testing import SagaRun
from orchestration.verification import run_invariants
from tests.orchestration.retained import (
    aged,
    cancelled,
    compensated,
    completed,
    failed,
    pruned,
    rows,
    undo_failed,
)
from tests.orchestration.sample import TripInput, trip

pytestmark = [pytest.mark.django_db, pytest.mark.owner]
Make = Callable[[], SagaRun]

EVERY: dict[str, Any] = dict.fromkeys(("completed", "compensated", "cancelled", "failed"), "30d")
ENDINGS: dict[str, Make] = {
    "completed": completed, "compensated": compensated, "cancelled": cancelled, "failed": failed,
}  # fmt: skip


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_saga_goes_with_all_that_is_its_own_and_no_other_does(ending: str) -> None:
    other = ENDINGS[ending]()
    before = rows()
    run = aged(ENDINGS[ending](), 31)
    assert run.state == ending
    ages: dict[str, Any] = {ending: "30d"}
    done = pruned(outbox="1d", **ages)
    assert (dict(done.sagas), dict(done.kept), done.complete) == ({ending: 1}, {}, True)
    assert not Saga.objects.filter(id=run.id).exists()
    assert rows() == before
    assert Saga.objects.filter(id=other.id).exists()
    assert [text for check in run_invariants() for text in check.violations] == []


def test_each_ending_has_an_age_of_its_own_and_never_means_never() -> None:
    made = {state: aged(make(), 100) for state, make in ENDINGS.items()}
    done = pruned(completed="90d", compensated="180d", cancelled="never", failed="2400h")
    assert +done.sagas == {"completed": 1, "failed": 1}
    left = set(Saga.objects.values_list("id", flat=True))
    assert left == {made["compensated"].id, made["cancelled"].id}


def test_age_counts_from_the_end_and_not_from_the_beginning() -> None:
    run = aged(completed(), 29)
    Saga.objects.filter(id=run.id).update(created_at=F("created_at") - timedelta(days=400))
    assert not pruned(**EVERY).sagas["completed"]
    Saga.objects.filter(id=run.id).update(ended_at=F("ended_at") - timedelta(days=2))
    assert pruned(**EVERY).sagas == {"completed": 1}


def _waits_for_a_person(run: SagaRun) -> None:
    with transaction.atomic():
        open_incident(run.saga, IncidentKind.LATE_EFFECT, step="sample.charge", message="it came late")


def _is_to_be_looked_at(run: SagaRun) -> None:
    Saga.objects.filter(id=run.id).update(wake_at=Now() + timedelta(days=1))


def _has_something_unsent(run: SagaRun) -> None:
    OutboxMessage.objects.create(kind="dispatch", saga_id=run.id)


def _has_an_event_unsent(run: SagaRun) -> None:
    OutboxMessage.objects.create(kind="event", payload={"key": run.saga.business_key})


def _has_an_event_on_its_way(run: SagaRun) -> None:
    OutboxMessage.objects.create(
        kind="event", payload={"key": run.saga.business_key}, sent_at=Now() - timedelta(days=99)
    )


def _row(run: SagaRun, name: str, direction: str) -> Any:
    return SagaStep.objects.filter(saga_id=run.id, name=name, direction=direction)


def _has_an_undo_that_never_was(run: SagaRun) -> None:
    _row(run, "sample.charge", "undo").delete()


def _has_an_undo_that_failed(run: SagaRun) -> None:
    _row(run, "sample.charge", "undo").update(state="failed")


def _has_an_undo_left_out(run: SagaRun) -> None:
    _row(run, "sample.charge", "undo").update(state="skipped")


def _is_unsure(run: SagaRun) -> None:
    _row(run, "sample.charge", "forward").update(state="unknown")


def _had_an_effect_that_came_late(run: SagaRun) -> None:
    _row(run, "sample.charge", "forward").update(late=True)
    _row(run, "sample.charge", "undo").delete()


KEPT: dict[Callable[[SagaRun], None], str] = {
    _waits_for_a_person: "an incident is open",
    _is_to_be_looked_at: "something is still to be done",
    _has_something_unsent: "a message is unsent",
    _has_an_event_unsent: "a message is unsent",
    _has_an_event_on_its_way: "a message is unsent",
    _has_an_undo_that_never_was: "an effect is not undone",
    _has_an_undo_that_failed: "an effect is not undone",
    _has_an_undo_left_out: "an effect is not undone",
    _is_unsure: "an effect is not undone",
    _had_an_effect_that_came_late: "an effect is not undone",
}


@pytest.mark.parametrize(
    ("make", "change"),
    # Nothing of a completed saga was undone, and nothing had to be.
    [(compensated, change) for change in KEPT]
    + [(completed, change) for change in KEPT if "undo" not in change.__name__],
    ids=lambda each: each.__name__.strip("_"),
)
def test_while_anything_is_unfinished_a_saga_is_kept_however_old(
    make: Make, change: Callable[[SagaRun], None]
) -> None:
    run, neighbour = aged(make(), 4000), aged(make(), 4000)
    change(run)
    before = rows()
    done = pruned(**EVERY)
    assert dict(done.kept) == {KEPT[change]: 1}
    assert list(Saga.objects.values_list("id", flat=True)) == [run.id]
    assert sum(done.sagas.values()) == 1  # the neighbour, from the same batch
    assert rows()["SagaStep"] == before["SagaStep"] - done.removed["steps"]
    assert neighbour.id != run.id


def test_what_has_not_ended_is_never_even_looked_at() -> None:
    made = [
        aged(undo_failed(), 4000),
        aged(SagaRun(trip, TripInput(name="Ada", full=True)).until_rest(), 4000),
    ]
    made.append(aged(SagaRun(trip, TripInput(name="Ada")), 4000))
    before = rows()
    done = pruned(**EVERY)
    assert (sum(done.removed.values()), dict(done.kept)) == (0, {})
    assert rows() == before
    assert {run.state for run in made} == {"undo_failed", "waiting", "accepted"}


def test_a_person_who_leaves_an_undo_out_keeps_the_saga_and_one_who_does_not_lets_it_go() -> None:
    left_out = undo_failed().decide(skip_step, step="sample.charge", direction="undo").until_rest()
    refused_once = {"sample.confirm": 1, "sample.refund": 1}
    tried_again = SagaRun(trip, TripInput(name="Ada"), reject_at=refused_once).until_rest()
    tried_again.retry("sample.charge", "undo").until_rest()
    assert {left_out.state, tried_again.state} == {"compensated"}
    aged(left_out, 400)
    aged(tried_again, 400)
    done = pruned(**EVERY)
    assert (done.sagas["compensated"], dict(done.kept)) == (1, {"an effect is not undone": 1})
    assert list(Saga.objects.values_list("id", flat=True)) == [left_out.id]
    assert not Incident.objects.filter(saga_id=tried_again.id).exists()


def test_a_saga_whose_code_is_gone_is_judged_by_its_rows() -> None:
    gone, kept = aged(compensated(), 400), aged(compensated(), 400)
    Saga.objects.update(version=77)
    _has_an_undo_that_failed(kept)
    assert pruned(**EVERY).sagas == {"compensated": 1}
    assert list(Saga.objects.values_list("id", flat=True)) == [kept.id]
    assert gone.id != kept.id


def test_batches_of_any_size_come_to_the_same_end() -> None:
    for _ in range(7):
        aged(compensated(), 40)
    Saga.objects.update(created_at=Now() - timedelta(days=50))  # all at the same moment, as after an import
    first = Saga.objects.order_by("id").first()
    assert first is not None
    with transaction.atomic():
        open_incident(first, IncidentKind.LATE_EFFECT, step="sample.charge", message="it came late")
    done = pruned(batch=2, **EVERY)
    assert (done.sagas["compensated"], dict(done.kept)) == (6, {"an incident is open": 1})
    assert done.batches == 4 + 3  # four of these, and one for each of the other endings
    assert list(Saga.objects.values_list("id", flat=True)) == [first.id]


def test_a_dry_run_counts_the_same_and_changes_nothing() -> None:
    for make in (completed, compensated, cancelled, failed):
        aged(make(), 40)
    ages: dict[str, Any] = {**EVERY, "outbox": "30d", "parked": "30d"}
    before = rows()
    told = pruned(dry_run=True, batch=1, **ages)
    assert rows() == before
    done = pruned(**ages)
    assert (told.removed, told.sagas, told.kept) == (done.removed, done.sagas, done.kept)
    assert sum(done.removed.values()) == sum(before.values()) - sum(rows().values())
    assert not pruned(**ages).removed.total()


def test_a_dry_run_locks_no_row() -> None:
    aged(completed(), 40)
    ages: dict[str, Any] = {**EVERY, "outbox": "30d", "parked": "30d", "dead_letters": "30d", "probes": "30d"}
    with CaptureQueriesContext(connection) as asked:
        pruned(dry_run=True, **ages)
    locking = ("FOR UPDATE", "DELETE", "pruning")
    assert [query["sql"] for query in asked if any(word in query["sql"] for word in locking)] == []


@pytest.mark.parametrize("text", ["", "90", "d", "-1d", "90 days", "1.5d", "23h", "0d", "Never", "9999999d"])
def test_what_is_no_age_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not an age|too short"):
        read_age(text)


def test_ages_are_taken_from_the_settings_and_checked() -> None:
    usual = ages_in_force()
    assert (usual["completed"], usual["failed"], usual["idempotency-keys"]) == (
        timedelta(days=90),
        None,
        None,
    )
    with override_settings(ORCHESTRATION={"RETENTION": {"completed": "2w", "failed": "400d"}}):
        ages = ages_in_force()
    assert (ages["completed"], ages["failed"]) == (timedelta(days=14), timedelta(days=400))
    assert ages["outbox"] == usual["outbox"]
    for wrong in ({"complete": "2w"}, {"completed": "soon"}, {"completed": "1h"}):
        with override_settings(ORCHESTRATION={"RETENTION": wrong}), pytest.raises(ImproperlyConfigured):
            ages_in_force()


def test_two_kinds_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two kinds"):
        prunes("completed", usual="1d", what="another")(lambda asked: pytest.fail("never called"))


def test_inbox_rows_of_another_saga_with_the_same_key_stay() -> None:
    run = aged(completed(), 40)
    InboxMessage.objects.create(
        source="other",
        event_id="1",
        type="other.happened",
        key=run.saga.business_key,
        envelope={},
        parked=True,
    )
    assert pruned(**EVERY).removed["events"] == 1
    assert InboxMessage.objects.get().source == "other"
