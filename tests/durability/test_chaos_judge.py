"""The judge of a chaos run finds what is wrong: a judge that cannot fail would prove nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.chaos import judge
from tests.chaos.journal import Entry, Journal, inputs, is_definite, read_journal
from tests.chaos.orders import PlannedOrder, Story
from tests.chaos.plan import OF_A_WORKER, FaultKind, PlannedFault
from tests.chaos.report import Report
from tests.chaos.strikes import Strike
from tests.chaos.victims import Held


def entry(kind: str, attempt: int = 1, *, name: str = "1", **more: Any) -> Entry:
    return Entry(kind, f"key-{name}", f"CH-{name}", attempt, at=100.0 + attempt, **more)


def accepted(attempt: int = 1, *, name: str = "1", **more: Any) -> Entry:
    return entry(
        "answer", attempt, name=name, **{"status": 201, "order": f"order-{name}", "digest": "d", **more}
    )


def found(name: str = "1", **more: Any) -> judge.Found:
    basics = {
        "reference": f"CH-{name}",
        "order": f"order-{name}",
        "status": "shipped",
        "sagas": ("completed",),
    }
    return judge.Found(**{**basics, **more})


def counts(entries: list[Entry], *there: judge.Found) -> tuple[int, int, int, int, int, int]:
    result = judge.account(inputs(entries), there)
    return (
        result.ok, result.lost, result.duplicated, result.unexpected, result.recovered, len(result.violations),
    )  # fmt: skip


GOOD = [entry("intent"), accepted()]


def test_an_order_that_was_accepted_and_is_there_is_ok() -> None:
    assert counts(GOOD, found()) == (1, 0, 0, 0, 0, 0)


@pytest.mark.parametrize(
    "there",
    [(), (found(sagas=()),), (found(order="another"),)],
    ids=["no order", "no saga", "another order"],
)
def test_an_accepted_order_that_is_not_there_is_lost(there: tuple[judge.Found, ...]) -> None:
    assert counts(GOOD, *there) == (0, 1, 0, 0, 0, 1)


@pytest.mark.parametrize(
    "there",
    [
        (found(), found(order="order-2")),
        (found(sagas=("completed", "running")),),
        (found(effects={"capture": 2, "label": 1}),),
    ],
    ids=["two orders", "two sagas", "captured twice"],
)
def test_what_is_there_twice_is_duplicated(there: tuple[judge.Found, ...]) -> None:
    assert counts(GOOD, *there) == (0, 0, 1, 0, 0, 1)


def test_two_orders_acknowledged_under_one_key_are_duplicated() -> None:
    twice = [*GOOD, entry("intent", 2), accepted(2, order="order-2")]
    assert counts(twice, found()) == (0, 0, 1, 0, 0, 1)


def test_an_order_nobody_asked_for_is_unexpected() -> None:
    assert counts(GOOD, found(), found("9")) == (1, 0, 0, 1, 0, 1)


def test_no_answer_and_then_the_stored_one_is_recovered() -> None:
    silent = [entry("intent"), entry("answer", status=0), entry("intent", 2), accepted(2, replayed=True)]
    assert counts(silent, found()) == (1, 0, 0, 0, 1, 0)
    crashed = [entry("intent"), entry("intent", 2), accepted(2, replayed=True)]
    assert counts(crashed, found()) == (1, 0, 0, 0, 1, 0)
    in_vain = [entry("intent"), entry("answer", status=503), entry("intent", 2), accepted(2)]
    assert counts(in_vain, found()) == (1, 0, 0, 0, 0, 0)


def test_a_refusal_a_silence_and_two_answers_to_one_key_are_violations() -> None:
    assert counts([entry("intent"), entry("answer", status=422)])[-1] == 1
    assert counts([entry("intent"), entry("answer", status=0)])[-1] == 1
    assert counts([*GOOD, entry("intent", 2), accepted(2, digest="other")], found()) == (1, 0, 0, 0, 0, 1)


def test_an_error_of_the_site_is_a_violation_and_503_is_none() -> None:
    failing = [entry("intent"), entry("answer", status=500), entry("intent", 2), accepted(2)]
    assert counts(failing, found()) == (1, 0, 0, 0, 0, 1)


def test_the_journal_is_read_as_it_was_written(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    journal.write("intent", key="k", reference="CH-1", attempt=1)
    journal.write("answer", key="k", reference="CH-1", attempt=1, status=201, order="o", digest="d")
    assert journal.accepted() == 1
    journal.close()
    (given,) = inputs(read_journal(tmp_path / "journal.jsonl"))
    assert (given.reference, given.acknowledged, given.ambiguous) == ("CH-1", ("o",), False)


ORDER = PlannedOrder(0, 1.0, Story.HAPPY, "CH-1", "key-1", "card_ok", "", (("NW-01", 1),))


def endings(
    story: Story, *, cancelled: int = 0, strikes: list[Strike] | None = None, **more: Any
) -> tuple[int, int]:
    order = replace(ORDER, story=story)
    entries = [*GOOD, *([entry("cancelled", status=cancelled)] if cancelled else [])]
    wrong, given_up = judge.judge_endings([order], inputs(entries), [found(**more)], strikes or [])
    return len(wrong), given_up


UNDONE: dict[str, Any] = {"sagas": ("compensated",), "status": "cancelled"}
EXHAUSTED: dict[str, Any] = {
    **UNDONE,
    "failure": "exhausted",
    "failed_step": "payments.authorize",
    "lived": (90.0, 130.0),
}
REFUSED: dict[str, Any] = {"sagas": ("undo_failed",), "status": "withdrawn"}
TOLD = frozenset({("undo_failed", "payments.capture")})


def test_each_story_must_end_as_it_says() -> None:
    assert endings(Story.HAPPY) == (0, 0)
    assert endings(Story.HAPPY, sagas=("running",), status="confirmed") == (1, 0)
    assert endings(Story.DECLINED, **UNDONE) == (0, 0)
    assert endings(Story.DECLINED) == (1, 0)
    assert endings(Story.UNDO_FAILS, **REFUSED, incidents=TOLD) == (0, 0)
    assert endings(Story.UNDO_FAILS, **REFUSED) == (1, 0)
    assert endings(Story.HAPPY, incidents=TOLD) == (1, 0)


@pytest.mark.parametrize(
    ("kind", "status", "definite"),
    [
        ("answer", 201, True),
        ("answer", 422, True),
        ("answer", 0, False),
        ("answer", 409, False),
        ("answer", 429, False),
        ("answer", 503, False),
        ("cancelled", 409, True),
        ("cancelled", 429, False),
    ],
)
def test_a_customer_asks_again_until_the_answer_settles_it(kind: str, status: int, definite: bool) -> None:
    assert is_definite(entry(kind, status=status)) is definite


def test_a_cancellation_ends_as_the_site_has_said() -> None:
    called_off: dict[str, Any] = {"sagas": ("cancelled",), "status": "cancelled"}
    assert endings(Story.CANCEL, cancelled=202, **called_off) == (0, 0)
    assert endings(Story.CANCEL, cancelled=409) == (0, 0)
    assert endings(Story.CANCEL, cancelled=202) == (1, 0)
    assert endings(Story.CANCEL, cancelled=409, **called_off) == (1, 0)
    assert endings(Story.CANCEL, **called_off) == (1, 0)


def test_an_order_is_given_up_only_while_a_provider_was_silent() -> None:
    silence = [strike(FaultKind.BLACK_HOLE, began=100, ended=110)]
    assert endings(Story.HAPPY, **EXHAUSTED, strikes=silence) == (0, 1)
    assert endings(Story.HAPPY, **EXHAUSTED) == (1, 0)
    assert endings(Story.HAPPY, **{**EXHAUSTED, "lived": (120.0, 130.0)}, strikes=silence) == (1, 0)
    assert endings(Story.HAPPY, **{**EXHAUSTED, "failed_step": "orders.accept"}, strikes=silence) == (1, 0)


def fault(kind: FaultKind, number: int = 0) -> PlannedFault:
    return PlannedFault(number, 10.0, kind, 0.5)


def strike(kind: FaultKind, number: int = 0, *, held: bool = True, **more: Any) -> Strike:
    claims = (
        (Held("task", uuid4(), "orders.accept", "forward", 1, 2, "CH-1", "orders.accept"),) if held else ()
    )
    return Strike(fault(kind, number), **{"began": 100.0, "evidence": "seen", "held": claims, **more})


def test_a_planned_fault_without_proof_is_vacuous() -> None:
    plan = [fault(FaultKind.FLUSH_BROKER, 0), fault(FaultKind.ZOMBIE, 1), fault(FaultKind.REORDER, 2)]
    strikes = [
        strike(FaultKind.FLUSH_BROKER, 0),
        strike(FaultKind.ZOMBIE, 1, evidence="", missing="nobody found"),
    ]
    assert judge.judge_faults(plan, strikes) == [
        "zombie 1: nobody found",
        "reorder 2: it was not carried out",
    ]


def test_kills_that_hit_idle_workers_prove_too_little() -> None:
    plan = [fault(FaultKind.KILL_CHILD, number) for number in range(10)]
    strikes = [strike(FaultKind.KILL_CHILD, number, held=number >= 3) for number in range(10)]
    assert judge.judge_faults(plan, strikes) == ["only 7 of 10 worker kills hit one that held a claim"]
    assert judge.judge_faults(plan, [*strikes[1:], strike(FaultKind.KILL_CHILD, 0)]) == []
    web = [strike(FaultKind.KILL_WEB, held=False)]
    assert judge.judge_faults([fault(FaultKind.KILL_WEB)], web) == []
    assert FaultKind.KILL_WEB not in OF_A_WORKER


def test_a_run_that_saw_nothing_is_vacuous() -> None:
    good = {"accepted_share": 0.97, "duplicates_seen": 2, "stale_results_refused": 1, "looks": 20}
    kinds = {FaultKind.ZOMBIE, FaultKind.KILL_CHILD}
    assert judge.judge_figures(good, kinds) == []
    for name, bad in {
        "accepted_share": 0.9,
        "duplicates_seen": 0,
        "stale_results_refused": 0,
        "looks": 0,
    }.items():
        assert len(judge.judge_figures({**good, name: bad}, kinds)) == 1
    calm = {**good, "duplicates_seen": 0, "stale_results_refused": 0}
    assert judge.judge_figures(calm, set()) == []


def test_requests_count_outside_outages_only() -> None:
    entries = [
        entry("intent", 1), entry("answer", 1, status=0), entry("intent", 2), accepted(2),
        entry("intent", 3), entry("answer", 3, status=503), entry("intent", 4),
    ]  # fmt: skip
    assert judge.accepted_share(entries, []) == 0.25
    assert judge.accepted_share(entries, [strike(FaultKind.KILL_RELAY, outage=(100.5, 101.5))]) == 1 / 3
    assert judge.accepted_share(entries, [strike(FaultKind.KILL_RELAY, outage=(100.5, 105))]) == 1.0


def test_recovery_is_measured_against_its_bounds() -> None:
    assert judge.percentiles([]) == {"p50": 0.0, "p99": 0.0, "max": 0.0}
    assert judge.percentiles([float(n) for n in range(1, 101)]) == {"p50": 51.0, "p99": 100.0, "max": 100.0}
    assert judge.judge_recovery([15.0] * 100) == []
    assert len(judge.judge_recovery([15.0, 61.0])) == 1
    assert judge.judge_recovery([15.0] * 98 + [31.0]) == []
    assert len(judge.judge_recovery([15.0] * 100 + [31.0, 31.0])) == 1


@pytest.mark.parametrize(
    "broken",
    [
        {"account": judge.Account(lost=1)},
        {"account": judge.Account(duplicated=1)},
        {"account": judge.Account(unexpected=1)},
        {"illegal": 1},
        {"stuck": 1},
        {"vacuous": ["a fault"]},
        {"violations": ["a promise"]},
    ],
    ids=lambda broken: str(broken),
)
def test_one_broken_promise_is_enough(broken: dict[str, Any]) -> None:
    good: dict[str, Any] = {
        "seed": 1, "sagas": 1, "kills": 1, "account": judge.Account(ok=1), "illegal": 0, "stuck": 0, "given_up": 0,
        "recovery": [judge.Recovery(15.0, "a step")], "vacuous": [], "violations": [],
    }  # fmt: skip
    assert Report(**good).as_json()["ok"] is True
    assert Report(**{**good, **broken}).as_json()["ok"] is False
