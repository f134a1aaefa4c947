"""The verdict. Pure: the client's journal against what was found, and every planned fault against its proof."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.chaos.journal import Entry, Input
from tests.chaos.orders import PlannedOrder, Story
from tests.chaos.plan import OF_A_WORKER, FaultKind, PlannedFault
from tests.chaos.strikes import Strike

HOLDING_SHARE = 0.8
"""Of the worker kills: so many must hit one that holds a claim, or the run was too kind."""
ACCEPTED_SHARE = 0.95
"""Of the requests outside outages."""
P99_SECONDS = 30.0
MAX_SECONDS = 60.0
"""Recovery: from a kill to the next entry of what the dead process was doing."""
ENOUGH = 100
"""Kills from which on a 99th percentile is more than the maximum."""
ENDINGS: dict[Story, frozenset[tuple[str, str]]] = {
    Story.HAPPY: frozenset({("completed", "shipped")}),
    Story.TROUBLE: frozenset({("completed", "shipped")}),
    Story.BACK_ORDER: frozenset({("completed", "shipped")}),
    Story.DECLINED: frozenset({("compensated", "cancelled")}),
    Story.UNDO_FAILS: frozenset({("undo_failed", "withdrawn")}),
}
"""States of saga and order. How a cancelled order ends is for the site's own answer to say."""
GIVEN_UP = ("compensated", "cancelled")


@dataclass(frozen=True, slots=True)
class Found:
    """One order, as our database and the providers' ledgers have it in the end."""

    reference: str
    order: str
    status: str
    sagas: tuple[str, ...]
    """The states of its sagas; there should be one."""
    failure: str = ""
    """Why it was undone: the kind."""
    failed_step: str = ""
    effects: Mapping[str, int] = field(default_factory=dict)
    """How often each thing that may happen once has happened at the providers: capture, label…"""
    incidents: frozenset[tuple[str, str]] = frozenset()
    """Kind and step of those that are open."""
    lived: tuple[float, float] = (0.0, 0.0)
    """From its start to its end."""


@dataclass(frozen=True, slots=True, order=True)
class Recovery:
    """How long a step rested after its process had been killed."""

    seconds: float
    what: str


@dataclass(slots=True)
class Account:
    """What became of the inputs, as Jepsen counts them for queues."""

    ok: int = 0
    lost: int = 0
    duplicated: int = 0
    unexpected: int = 0
    recovered: int = 0
    """Of the good ones: the client had no answer, and asking again found that it had happened."""
    violations: list[str] = field(default_factory=list)


def account(inputs: Iterable[Input], found: Iterable[Found]) -> Account:
    """Hold what clients were told against what there is."""
    by_reference: dict[str, list[Found]] = {}
    for order in found:
        by_reference.setdefault(order.reference, []).append(order)
    result = Account()
    for given in inputs:
        orders = by_reference.pop(given.reference, [])
        twice = [
            f"{what} {times} times" for order in orders for what, times in order.effects.items() if times > 1
        ]
        if not given.acknowledged:
            why = (
                f"refused with {given.refused}"
                if given.refused
                else f"never answered in {given.attempts} attempts"
            )
            result.violations.append(f"{given.reference}: {why}")
        elif not orders or not orders[0].sagas:
            result.lost += 1
            result.violations.append(
                f"{given.reference}: accepted, and {'has no saga' if orders else 'not there'}"
            )
        elif len(orders) > 1 or len(orders[0].sagas) > 1 or len(given.acknowledged) > 1 or twice:
            result.duplicated += 1
            result.violations.append(
                f"{given.reference}: {len(orders)} orders, {len(orders[0].sagas)} sagas, {twice or 'no effect twice'}"
            )
        elif given.acknowledged[0] != orders[0].order:
            result.lost += 1
            result.violations.append(
                f"{given.reference}: accepted as {given.acknowledged[0]}, is {orders[0].order}"
            )
        else:
            result.ok += 1
            result.recovered += given.ambiguous and given.replayed
        if given.errors:
            result.violations.append(f"{given.reference}: the site answered {sorted(given.errors)}")
        if len(given.digests) > 1:
            result.violations.append(f"{given.reference}: one key was answered in {len(given.digests)} ways")
    for reference in by_reference:
        result.unexpected += 1
        result.violations.append(f"{reference}: an order that no client has asked for")
    return result


def judge_endings(
    orders: Sequence[PlannedOrder], inputs: Iterable[Input], found: Iterable[Found], strikes: Sequence[Strike]
) -> tuple[list[str], int]:
    """Whether each order ended as its story says, with the incidents it should have and no others.

    Returns:
        What is wrong; and how many were given up by policy, because a provider was silent for too long.
    """
    told = {given.reference: given for given in inputs}
    there = {order.reference: order for order in found}
    silent = [(s.began, s.ended) for s in strikes if s.fault.kind is FaultKind.BLACK_HOLE]
    violations, given_up = [], 0
    for planned in orders:
        order, given = there.get(planned.reference), told.get(planned.reference)
        if order is None or given is None or not order.sagas:
            continue  # counted as lost, or never answered
        ending = (order.sagas[0], order.status)
        wanted = ENDINGS.get(planned.story) or _after_cancelling(given.cancelled)
        expected = {("undo_failed", "payments.capture")} if ending[0] == "undo_failed" else set()
        if order.incidents != expected:
            violations.append(f"{planned.reference}: open incidents are {sorted(order.incidents)}")
        if ending in wanted:
            continue
        if ending == GIVEN_UP and _may_be_given_up(planned, order, silent):
            given_up += 1
            continue
        violations.append(
            f"{planned.reference} ({planned.story}): saga {ending[0]}, order {ending[1]}"
            + (f" because of {order.failed_step} ({order.failure})" if order.failure else "")
        )
    return violations, given_up


def _after_cancelling(status: int) -> frozenset[tuple[str, str]]:
    if status == 409:
        return frozenset({("completed", "shipped")})
    return frozenset({("cancelled", "cancelled")}) if status in (200, 202) else frozenset()


def _may_be_given_up(planned: PlannedOrder, order: Found, silent: list[tuple[float, float]]) -> bool:
    """Forward steps are tried five times within seconds; a provider that is away for longer is a reason to cancel."""
    if order.failure != "exhausted" or not order.failed_step.startswith("payments."):
        return False
    began, ended = order.lived
    return planned.story is Story.TROUBLE or any(begin < ended and end > began for begin, end in silent)


def judge_faults(planned: Sequence[PlannedFault], strikes: Sequence[Strike]) -> list[str]:
    """What was planned and proves nothing."""
    struck = {strike.fault.number: strike for strike in strikes}
    vacuous = []
    for fault in planned:
        strike = struck.get(fault.number)
        if strike is None or not strike.evidence:
            why = strike.missing if strike is not None else "it was not carried out"
            vacuous.append(f"{fault.kind} {fault.number}: {why}")
    kills = [strike for strike in strikes if strike.fault.kind in OF_A_WORKER and strike.evidence]
    holding = sum(bool(strike.held) for strike in kills)
    if kills and holding < HOLDING_SHARE * len(kills):
        vacuous.append(f"only {holding} of {len(kills)} worker kills hit one that held a claim")
    return vacuous


def judge_figures(figures: Mapping[str, float], kinds: Collection[FaultKind]) -> list[str]:
    """What the run must have seen, or it was no test."""
    vacuous = []
    if figures["accepted_share"] < ACCEPTED_SHARE:
        vacuous.append(f"outside outages only {figures['accepted_share']:.1%} of the requests were accepted")
    if kinds and not figures["duplicates_seen"]:
        vacuous.append("no worker has received a message twice")
    if FaultKind.ZOMBIE in kinds and not figures["stale_results_refused"]:
        vacuous.append("no stale token was refused")
    if not figures["looks"]:
        vacuous.append("the invariants were never looked at during the load")
    return vacuous


def accepted_share(entries: Sequence[Entry], strikes: Sequence[Strike]) -> float:
    """Of the orders sent outside outages, the share that was accepted at once; 1.0 when there were none."""
    outages = [strike.outage for strike in strikes if strike.outage is not None]
    answers = {(entry.key, entry.attempt): entry.status for entry in entries if entry.kind == "answer"}
    outside = [
        200 <= answers.get((entry.key, entry.attempt), 0) < 300
        for entry in entries
        if entry.kind == "intent" and not any(begin <= entry.at <= end for begin, end in outages)
    ]
    return sum(outside) / len(outside) if outside else 1.0


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """Median, 99th percentile and maximum; zeros when there is nothing to measure."""
    ordered = sorted(seconds) or [0.0]

    def at(share: float) -> float:
        return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 2)

    return {"p50": at(0.5), "p99": at(0.99), "max": round(ordered[-1], 2)}


def judge_recovery(seconds: Sequence[float]) -> list[str]:
    """Whether everything that was interrupted went on in time."""
    measured = percentiles(seconds)
    violations = []
    if measured["max"] > MAX_SECONDS:
        violations.append(
            f"a step went on {measured['max']} s after its process was killed; at most {MAX_SECONDS:g}"
        )
    if len(seconds) >= ENOUGH and measured["p99"] > P99_SECONDS:
        violations.append(f"p99 of recovery is {measured['p99']} s; at most {P99_SECONDS:g}")
    return violations
