"""The engine on PostgreSQL: what is recorded, what is sent again, what is settled, and what is refused."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.test import override_settings

from orchestration.core.planning.kinds import HISTORY_KINDS, MAY_BE_LATE, HistoryKind, IncidentKind
from orchestration.core.planning.states import TERMINAL, TRANSITIONS, SagaState, StepState
from orchestration.engine.database.connection import how_to_open
from orchestration.engine.messages.transport import Address, use_transport
from orchestration.engine.outbox.drain import drain
from orchestration.engine.outbox.sweep import sweep
from orchestration.errors import (
    BusinessKeyTaken,
    OutboxOutsideTransaction,
    OutcomeUnknown,
    SendFailed,
    TransitionRefused,
)
from orchestration.models import InboxDelivery, Incident, OutboxMessage, Saga, SagaEvent, SagaStep
from orchestration.operations.terminal.words import HISTORY_WORDS, history_words
from orchestration.services import publish_event, start_saga
from orchestration.testing import SagaRun
from orchestration.testing.transport import HandTransport
from tests.orchestration import sample
from tests.orchestration.deliveries import claim
from tests.orchestration.sample import TripInput, effects, provider, trip

INPUT = TripInput(name="Ada")
pytestmark = pytest.mark.django_db(transaction=True)


def test_doubled_messages_stay_double_and_do_not_multiply() -> None:
    run = SagaRun(trip, INPUT, doubled=True)
    delivered = 0
    while run.state != "completed" or run.carry_one():
        delivered += run.carry_one()
        assert delivered < 60, "messages multiply"
    assert effects(run.id).count("register") == provider.count("charge") == 1


def test_everything_lost_at_the_broker_is_sent_again() -> None:
    run = SagaRun(trip, INPUT)
    for _ in range(60):
        if run.state == "completed":
            break
        run.carry_one()
        run.transport.lose_everything()
        run.skip(3600)
    assert run.state == "completed"
    assert provider.count("charge") == 1


def test_a_step_that_kills_its_worker_is_given_up_and_undone() -> None:
    run = SagaRun(trip, INPUT)
    run.until(lambda each: "sample.register" in each.done)
    for _ in range(6):
        claim(run, "charge", epoch=run.saga.epoch)
        SagaStep.objects.filter(saga_id=run.id, name="sample.charge").update(
            lease_until=F("lease_until") - timedelta(hours=1)
        )
    run.until_rest()
    assert run.state == "compensated"
    assert run.saga.failure is not None
    assert run.saga.failure["code"] == "kills_worker"


def test_a_pause_holds_and_a_resume_goes_on() -> None:
    run = SagaRun(trip, INPUT)
    run.pause()
    while run.carry_one():
        pass
    assert (run.done, run.saga.wake_at) == ([], None)
    run.resume()
    assert run.until_rest().state == "completed"


def test_a_paused_saga_that_is_cancelled_is_undone() -> None:
    run = SagaRun(trip, INPUT)
    run.until(lambda each: "sample.register" in each.done)
    run.pause()
    assert run.cancel().until_rest().state == "cancelled"
    assert effects(run.id).count("unregister") == 1


def test_a_pivot_that_acted_unheard_is_settled_and_the_saga_goes_forward(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Five attempts without an answer, nor an answer to a look-up: it is given up, yet nothing may be undone."""
    asked: list[int] = []
    find = sample.do_issue_ticket.find
    assert find is not None

    def silent_at_first(command: Any, context: Any) -> Any:
        asked.append(1)
        if len(asked) <= 6:
            raise OutcomeUnknown("no answer")
        return find(command, context)

    monkeypatch.setattr(sample.do_issue_ticket, "find", silent_at_first)
    run = SagaRun(trip, INPUT, lose_answer_at="sample.issue_ticket").until_rest()
    assert (run.state, run.undone, run.milestone) == ("completed", [], "Issued")
    assert provider.count("issue_ticket") == 1
    assert run.saga.history.filter(kind="outcome_settled", data__outcome="done").count() == 1


def test_a_pivot_given_up_that_did_not_act_is_settled_and_everything_undone() -> None:
    run = SagaRun(trip, INPUT, fail_at="sample.issue_ticket").until_rest()
    assert (run.state, run.step("sample.issue_ticket").state) == ("compensated", "absent")
    assert provider.count("refund") == 1


def test_an_event_parked_for_a_saga_that_ends_without_it_is_ignored_with_the_reason() -> None:
    run = SagaRun(trip, INPUT).send("sample.seat_free", {"seat": "1A"}).until_rest()
    kept = InboxDelivery.objects.get(saga_id=run.id)
    assert (run.state, kept.state, kept.reason) == (
        "completed",
        "ignored",
        "the saga ended without waiting for it",
    )


def test_start_is_idempotent_by_business_key_and_refuses_another_input() -> None:
    key = str(uuid4())
    with transaction.atomic():
        first = start_saga(trip, input=INPUT, business_key=key)
        assert start_saga(trip, input=INPUT, business_key=key).id == first.id
        with pytest.raises(BusinessKeyTaken, match="with another input"):
            start_saga(trip, input=TripInput(name="Bob"), business_key=key)
    assert Saga.objects.count() == OutboxMessage.objects.filter(kind="dispatch").count() == 1


def test_nothing_is_sent_for_a_transaction_that_does_not_commit() -> None:
    with transaction.atomic():
        start_saga(trip, input=INPUT, business_key="gone")
        transaction.set_rollback(True)
    assert (Saga.objects.count(), OutboxMessage.objects.count()) == (0, 0)


@pytest.mark.parametrize(
    "call",
    [
        lambda: start_saga(trip, input=INPUT, business_key="k"),
        lambda: publish_event(type="a.b", source="s", key="k"),
    ],
)
def test_the_outbox_refuses_to_be_written_outside_a_transaction(call: Any) -> None:
    with pytest.raises(OutboxOutsideTransaction, match=r"`with transaction\.atomic\(\):` around"):
        call()
    with override_settings(ORCHESTRATION={"DATABASE": "sagas"}):  # one of another alias was perhaps open
        assert how_to_open() == "with transaction.atomic(using='sagas'):"


def test_a_message_committed_after_a_later_one_is_still_sent() -> None:
    """Polled by "not yet sent": an id cursor would have passed it by."""
    run = SagaRun(trip, INPUT)
    late = OutboxMessage.objects.get(saga_id=run.id)
    OutboxMessage.objects.create(
        id=late.id + 1000, kind="event", payload={"id": "x", "type": "a.b", "source": "s", "key": "k"}
    )
    OutboxMessage.objects.filter(id=late.id).update(sent_at=None, claimed_until=None)
    with use_transport(run.transport):
        assert drain() == 2
        assert drain() == 0


def test_a_message_that_cannot_be_sent_does_not_hold_back_those_behind_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = SagaRun(trip, INPUT), SagaRun(trip, INPUT)

    class Choosy(HandTransport):
        def send_canvas(self, address: Address, canvas: Any) -> None:
            if address.saga_id == first.id:
                raise ZeroDivisionError

    with use_transport(Choosy()):
        assert drain() == 1
    assert set(OutboxMessage.objects.filter(sent_at=None).values_list("saga_id", flat=True)) == {first.id}
    assert OutboxMessage.objects.get(saga_id=second.id).sent_at is not None


def test_a_sweep_with_nothing_to_do_finds_nothing() -> None:
    assert (sweep().messages, sweep().sagas) == (0, 0)


def test_a_cancel_once_the_pivot_is_at_work_is_refused() -> None:
    run = SagaRun(trip, INPUT)
    run.until(lambda each: "sample.confirm" in each.done)
    claim(run, "issue_ticket", after=("sample.confirm",))
    with pytest.raises(TransitionRefused, match=r"sample\.issue_ticket has begun"):
        run.cancel()
    assert run.state == "running"


@pytest.mark.parametrize("done", [0, 1, 3, 4])
def test_cancelled_in_each_phase_before_the_pivot_all_is_undone(done: int) -> None:
    run = SagaRun(trip, INPUT)
    run.until(lambda each: len(each.done) >= done)
    run.cancel("changed my mind").until_rest()
    assert run.state == "cancelled"
    assert provider.count("charge") == provider.count("refund")
    booked = effects(run.id)
    assert booked.count("book_seat") == booked.count("free_seat")
    assert booked[-1] == "say_sorry:cancel"


def test_states_and_constraints_say_the_same() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conname LIKE '%_known'"
        )
        known = dict(cursor.fetchall())
    for state in SagaState:
        assert f"'{state.value}'" in known["saga_state_known"]
    for step_state in StepState:
        assert f"'{step_state.value}'" in known["step_state_known"]
    assert _listed(known["history_kind_known"]) == set(HISTORY_KINDS)
    assert _listed(known["incident_kind_known"]) == {kind.value for kind in IncidentKind}
    assert "NOT VALID" not in known["history_kind_known"] + known["incident_kind_known"]
    assert set(TRANSITIONS) == set(SagaState)
    assert {s.value for s in TERMINAL} == {"completed", "compensated", "failed", "cancelled"}


def _listed(constraint: str) -> set[str]:
    return set(re.findall(r"'(\w+)'::", constraint))


def test_the_database_takes_no_kind_that_is_not_listed() -> None:
    run = SagaRun(trip, INPUT)
    with pytest.raises(IntegrityError, match="history_kind_known"), transaction.atomic():
        SagaEvent.objects.create(saga_id=run.id, seq=2, kind="something_else")
    with pytest.raises(IntegrityError, match="incident_kind_known"), transaction.atomic():
        Incident.objects.create(saga_id=run.id, kind="something_else")


def test_every_kind_of_entry_has_words_for_people() -> None:
    assert set(HISTORY_WORDS) == {kind.value for kind in HistoryKind}
    assert [history_words(kind.late) for kind in MAY_BE_LATE] == [
        f"late: {HISTORY_WORDS[kind]}" for kind in MAY_BE_LATE
    ]


def test_an_error_of_a_step_is_kept_with_its_traceback() -> None:
    run = SagaRun(trip, INPUT, fail_at="sample.register").until_rest()
    error = run.step("sample.register").error
    assert error is not None
    assert (error["kind"], "fails by script" in error["message"]) == ("Boom", True)
    assert "Traceback" in error["traceback"]


def test_an_id_of_a_saga_grows_with_time() -> None:
    ids = [SagaRun(trip, INPUT).id for _ in range(3)]
    assert all(each.version == 7 for each in ids)
    assert ids == sorted(ids)


def test_a_message_whose_sending_outlasts_its_claim_is_not_marked_as_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its sender hangs at a broker that swallows everything; the next one finds its steps sent a moment ago."""
    run = SagaRun(trip, INPUT)
    mine = OutboxMessage.objects.filter(saga_id=run.id)
    Saga.objects.filter(id=run.id).update(
        last_seq=F("last_seq") + 1
    )  # it has a past, and is planned under its lock
    SagaEvent.objects.create(saga_id=run.id, seq=2, kind="unpaused")
    hung: list[int] = []

    def hang(address: Any, canvas: Any) -> None:
        hung.append(1)
        mine.update(claimed_until=None)
        assert drain() == 1  # somebody else, who sends nothing
        raise SendFailed("no answer")

    monkeypatch.setattr(run.transport, "send_canvas", hang)
    with use_transport(run.transport):
        with pytest.raises(SendFailed):
            drain()
        assert (len(hung), mine.get().sent_at, mine.get().send_failures) == (1, None, 1)
        monkeypatch.undo()
        mine.update(claimed_until=None)  # its pause is over
        assert drain() == 1
    assert run.until_rest().state == "completed"
    assert run.saga.rescues == 0
