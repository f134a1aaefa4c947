"""The story of an order, told of plain values: one test for each way it can go."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from orchestration import Failure
from orchestration.core.planning.states import Direction, SagaState, StepState
from orders.sagas import fulfil_order
from orders.storefront.order_facts import SagaFacts, StepFacts
from orders.storefront.story import Entry, EntryState, tell

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOW = START + timedelta(minutes=1)
FORWARD, UNDO, AFTER = Direction.FORWARD, Direction.UNDO, Direction.AFTER_UNDO
HELD = ("shipping.reserve_stock", "StockReserved")
SHORT = ("shipping.reserve_stock", "BackOrdered")
PAID = ("orders.accept", HELD, "payments.authorize", "payments.capture")


def done(
    *names: str | tuple[str, str], direction: Direction = FORWARD, since: int = 1
) -> tuple[StepFacts, ...]:
    """Rows that ended one after the other, a second apart."""
    rows = []
    for seq, name in enumerate(names, start=since):
        step, result = name if isinstance(name, tuple) else (name, None)
        rows.append(
            StepFacts(
                name=step,
                direction=direction,
                result_type=result,
                seq=seq,
                ended_at=START + timedelta(seconds=seq),
            )
        )
    return tuple(rows)


def at_work(name: str, state: StepState = StepState.RUNNING, **more: object) -> StepFacts:
    facts: dict[str, object] = {"attempts": 0, "deliveries": 1, "started_at": NOW, **more}
    return StepFacts(name=name, state=state, **facts)  # type: ignore[arg-type]  # fields by name, as given


def story(state: str, *rows: StepFacts, candid: bool = False, **more: object) -> list[Entry]:
    facts = SagaFacts(state=SagaState(state), steps=rows, **more)  # type: ignore[arg-type]  # fields by name
    return tell(fulfil_order, facts, placed_at=START, now=NOW, candid=candid)


def words(entries: list[Entry], *states: str) -> list[str]:
    return [entry.words for entry in entries if entry.state in states]


def failure(kind: str, step: str | None = None, code: str = "") -> Failure:
    return Failure(step=step, kind=kind, code=code, message="", data={})


def test_before_anything_is_done_the_whole_way_lies_ahead_and_no_branch_is_told() -> None:
    told = story("accepted")
    assert words(told, "past") == ["Order placed"]
    assert words(told, "now") == ["Confirming your order"]
    assert words(told, "next") == [
        "Find your products in the warehouse",
        "Check your card",
        "Take the payment",
        "Pack, and make the shipping label",
        "Hand the parcel to the carrier",
        "Mark your order as shipped",
        "Write you an e-mail",
    ]


def test_both_branches_of_a_parallel_are_at_work_at_once() -> None:
    told = story("running", *done("orders.accept"))
    assert words(told, "now") == ["Looking for your products in the warehouse", "Checking your card"]


def test_a_shipped_order_is_all_past_in_the_order_in_which_it_happened() -> None:
    rows = done(
        *PAID,
        "shipping.create_label",
        "shipping.dispatched",
        "orders.mark_shipped",
        "notifications.order_shipped",
    )
    told = story("completed", *reversed(rows))
    assert {entry.state for entry in told} == {EntryState.PAST}
    assert words(told, "past") == [
        "Order placed",
        "Order confirmed",
        "Products found and held for you",
        "Card checked",
        "Payment taken",
        "Shipping label made",
        "Handed to the carrier",
        "Order shipped",
        "E-mail sent: shipped",
    ]
    assert [entry.at for entry in told] == sorted(entry.at for entry in told if entry.at)


def test_a_declined_card_is_a_problem_with_its_reason_and_what_was_held_is_given_back() -> None:
    refused = StepFacts(
        name="payments.authorize", state=StepState.REJECTED, seq=3, ended_at=START + timedelta(seconds=3)
    )
    told = story(
        "compensating",
        *done("orders.accept", HELD),
        refused,
        failure=failure("rejected", "payments.authorize", "card_declined"),
    )
    (problem,) = [entry for entry in told if entry.state is EntryState.PROBLEM]
    assert (problem.words, problem.note) == ("Card declined", "Your card was declined.")
    assert words(told, "now") == ["Putting the products back on the shelf"]
    assert words(told, "next") == ["Withdraw the order", "Cancel the order", "Write you an e-mail"]


def test_a_payment_that_is_declined_shows_each_undo_after_the_problem() -> None:
    refused = StepFacts(
        name="payments.capture", state=StepState.REJECTED, seq=4, ended_at=START + timedelta(seconds=4)
    )
    told = story(
        "compensated",
        *done(*PAID[:3]),
        refused,
        *done("payments.authorize", "shipping.reserve_stock", "orders.accept", direction=UNDO, since=5),
        *done("orders.mark_cancelled", "notifications.order_cancelled", direction=AFTER, since=8),
        failure=failure("rejected", "payments.capture", "card_declined"),
    )
    assert [(entry.state.value, entry.words) for entry in told[4:]] == [
        ("problem", "Payment declined"),
        ("undone", "Card hold released"),
        ("undone", "Stock released"),
        ("undone", "Order withdrawn"),
        ("past", "Order cancelled"),
        ("past", "E-mail sent: cancelled"),
    ]


def test_an_undo_that_had_nothing_to_do_is_not_told() -> None:
    idle = StepFacts(
        name="payments.authorize", direction=UNDO, state=StepState.NOT_NEEDED, seq=9, ended_at=NOW
    )
    told = story("compensated", *done(*PAID), *done("payments.capture", direction=UNDO, since=8), idle)
    assert words(told, "undone") == ["Payment refunded"]


def test_a_back_order_waits_and_its_branch_lies_ahead() -> None:
    told = story("waiting", *waiting_rows(), at_work("shipping.stock_reserved", StepState.WAITING))
    assert words(told, "past")[2] == "Not everything is in stock"
    (now,) = [entry for entry in told if entry.state is EntryState.NOW]
    assert (now.words, bool(now.note)) == ("Waiting for stock", True)
    assert words(told, "next")[:3] == [
        "Check your card again",
        "Take up your order again",
        "Take the payment",
    ]


def test_a_resumed_order_tells_of_the_stock_and_goes_on() -> None:
    told = story(
        "running", *waiting_rows(), *done("shipping.stock_reserved", "payments.renew_authorization", since=6)
    )
    assert words(told, "past")[-2:] == ["Stock arrived and is held for you", "Card checked again"]
    assert words(told, "now") == ["Taking up your order again"]


def test_an_order_cancelled_while_it_waits_says_so_and_leaves_the_waiting_list() -> None:
    told = story(
        "cancelled",
        *waiting_rows(),
        at_work("shipping.stock_reserved", StepState.WAITING),
        *done("shipping.reserve_stock", "payments.authorize", "orders.accept", direction=UNDO, since=10),
        failure=failure("cancel"),
        turned_at=START + timedelta(seconds=9),
    )
    at = words(told, "past", "undone", "problem").index("Cancellation requested")
    assert words(told, "past", "undone", "problem")[at + 1 : at + 3] == [
        "Taken off the waiting list",
        "Card hold released",
    ]
    assert words(told, "now", "next") == []


def test_a_deadline_is_a_problem_with_its_reason() -> None:
    told = story(
        "compensating",
        *waiting_rows(),
        failure=failure("event_timeout", "shipping.stock_reserved"),
        turned_at=NOW,
    )
    (problem,) = [entry for entry in told if entry.state is EntryState.PROBLEM]
    assert problem.note == "The missing products did not come into stock in time."


def test_an_undo_that_failed_for_good_is_with_a_person() -> None:
    stuck = StepFacts(name="payments.capture", direction=UNDO, state=StepState.REJECTED, seq=9, ended_at=NOW)
    told = story("undo_failed", *done(*PAID), stuck, failure=failure("cancel"), turned_at=NOW)
    assert words(told, "problem") == ["Your money could not be paid back automatically"]
    assert words(told, "now") == ["A person is looking at it"]
    assert "Cancel the order" in words(told, "next")


def test_a_paused_order_is_on_hold_and_has_begun_nothing_of_what_is_next() -> None:
    told = story("running", *done(*PAID[:3]), paused=True)
    assert words(told, "now") == ["On hold"]
    assert words(told, "next")[0] == "Take the payment"


def test_what_was_at_work_when_it_turned_round_is_brought_to_its_end_first() -> None:
    told = story(
        "compensating", *done("orders.accept", HELD), at_work("payments.authorize"), failure=failure("cancel")
    )
    assert words(told, "now")[0] == "Checking your card"


def test_a_step_refused_past_the_point_of_no_return_is_with_a_person_and_the_rest_is_still_to_come() -> None:
    refused = StepFacts(name="orders.mark_shipped", state=StepState.REJECTED, seq=7, ended_at=NOW)
    told = story("running", *done(*PAID, "shipping.create_label", "shipping.dispatched"), refused)
    (problem,) = [entry for entry in told if entry.state is EntryState.PROBLEM]
    assert problem.note
    assert "Marking your order as shipped" not in words(told, "now")


def test_a_killed_worker_shows_as_a_delay_to_a_customer_and_as_a_death_in_the_demo() -> None:
    rows = (*done("orders.accept", HELD), at_work("payments.authorize", deliveries=2))
    (plain,) = [entry for entry in story("running", *rows) if entry.state is EntryState.NOW]
    (candid,) = [entry for entry in story("running", *rows, candid=True) if entry.state is EntryState.NOW]
    assert plain.note == "This takes longer than usual; it goes on by itself."
    assert "died" in candid.note
    rescued = StepFacts(name="payments.authorize", deliveries=2, attempts=1, seq=3, ended_at=NOW)
    assert story("running", *rows[:2], rescued)[3].note == "Took longer than usual."
    assert "died" in story("running", *rows[:2], rescued, candid=True)[3].note


def test_a_step_that_takes_its_time_is_said_to() -> None:
    early, late = NOW - timedelta(seconds=1), NOW - timedelta(seconds=6)
    for started_at, has_note in ((early, False), (late, True)):
        told = story(
            "running", *done("orders.accept", HELD), at_work("payments.authorize", started_at=started_at)
        )
        (now,) = [entry for entry in told if entry.state is EntryState.NOW]
        assert bool(now.note) is has_note


def test_without_a_definition_the_past_is_still_told() -> None:
    facts = SagaFacts(state=SagaState.RUNNING, steps=done("orders.accept"))
    told = tell(None, facts, placed_at=START, now=NOW)
    assert words(told, "past", "now", "next") == ["Order placed", "Order confirmed"]
    assert words(tell(fulfil_order, None, placed_at=START, now=NOW), "past") == ["Order placed"]


def waiting_rows() -> tuple[StepFacts, ...]:
    return done(
        "orders.accept",
        SHORT,
        "payments.authorize",
        "orders.mark_backordered",
        "notifications.order_backordered",
    )
