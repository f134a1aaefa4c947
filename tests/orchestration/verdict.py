"""A saga that waits for news which may be good or bad, and does one thing or the other."""

from __future__ import annotations

from typing import Literal

from orchestration import Message, StepContext, days, escalate, local, saga, step, wait_for
from orchestration.participant import performs
from tests.orchestration.sample import effect

EVENT = "courier.reported"


class Parcel(Message):
    number: str


class Report(Message):
    outcome: Literal["delivered", "lost"]


act = local("verdict.act", takes=Report)

verdict = saga(
    "verdict.run",
    version=1,
    input=Parcel,
    # Several report, and contradict each other.
    flow=wait_for(EVENT, gives=Report, within=days(3), otherwise=escalate, source="*")
    | step(act, pivot=True),
)

log_it = local("verdict.log_it", takes=Report)

# Another saga of the same business key, which waits for the same news.
ledger = saga(
    "verdict.ledger",
    version=1,
    input=Parcel,
    flow=wait_for(EVENT, gives=Report, within=days(3), otherwise=escalate, source="*")
    | step(log_it, pivot=True),
)


@performs(act)
def do_act(command: Report, context: StepContext) -> None:
    effect(command.outcome, context)


@performs(log_it)
def do_log_it(command: Report, context: StepContext) -> None:
    effect(f"logged {command.outcome}", context)
