"""Reading how far an order has got: two queries, and everything the live part of its page shows made of them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from django.db.models import OuterRef, Subquery
from django.utils import timezone

from orchestration import Failure
from orchestration.core.definition import registry
from orchestration.core.definition.saga_definition import SagaDefinition
from orchestration.core.planning.states import Direction, SagaState, StepState
from orchestration.errors import UnknownDefinition
from orchestration.models import Saga, SagaEvent, SagaStep
from orchestration.sentences import sentence
from orders.models import Order
from orders.sagas import FULFIL_ORDER
from orders.status import FINAL, IN_WORDS, OrderStatus
from orders.storefront.order_facts import SagaFacts, StepFacts
from orders.storefront.order_long_ago import remembered_milestones, remembered_money, remembered_story
from orders.storefront.order_tracker import (
    Milestone,
    MilestoneState,
    is_waiting_for_stock,
    money_in_words,
    track,
    tracking_of,
)
from orders.storefront.story import Entry, EntryState, tell


class Pace(StrEnum):
    """How soon it is worth looking again."""

    MOVING = "moving"
    RESTING = "resting"
    """It waits for stock, the carrier or a person."""
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One order's progress as of one moment."""

    saga_id: UUID | None
    status: OrderStatus
    milestones: tuple[Milestone, ...]
    story: list[Entry]
    newest: str
    """The newest of the story in a sentence, to be read out."""
    pace: Pace
    money: str
    cancel_reason: str
    carrier: str
    tracking: str
    may_cancel: bool
    why_not_cancel: str
    """Empty when it may be cancelled, or when there is nothing left to say."""
    waits_for_stock: bool
    steps_done: frozenset[str]
    """Names of the steps that are done, forward."""

    @property
    def mark(self) -> str:
        """Changes whenever anything of this that is shown does."""
        shown = repr((self.milestones, self.story, self.pace, self.money, self.cancel_reason, self.tracking))
        return hashlib.sha256(shown.encode()).hexdigest()[:16]

    @property
    def tone(self) -> str:
        """Colour of it all: good, warn, bad, or info while nothing is decided."""
        if any(stop.state is MilestoneState.STOPPED for stop in self.milestones):
            return "bad"
        if self.status is OrderStatus.SHIPPED:
            return "good"
        return "warn" if self.waits_for_stock else "info"

    @property
    def choices_mark(self) -> str:
        """Changes whenever what the customer may do does."""
        shown = repr((self.may_cancel, self.why_not_cancel, self.waits_for_stock, self.pace is Pace.ENDED))
        return hashlib.sha256(shown.encode()).hexdigest()[:16]


def read_progress(order: Order, *, candid: bool = False, now: datetime | None = None) -> Progress:
    """How far an order has got. Two queries.

    Args:
        order: read a moment ago.
        candid: tell also what a customer need not know, such as that a worker died.
        now: for tests.
    """
    turned = SagaEvent.objects.filter(saga=OuterRef("pk"), kind="undo_begun").order_by("seq").values("at")
    saga = (
        Saga.objects.filter(definition=FULFIL_ORDER, business_key=str(order.id))
        .annotate(turned_at=Subquery(turned[:1]))
        .first()
    )
    if saga is None:
        return _long_ago(order)
    facts = _facts(saga, saga.turned_at)
    definition = _definition(saga)
    status = OrderStatus(order.status)
    story = tell(definition, facts, placed_at=order.placed_at, now=now or timezone.now(), candid=candid)
    pace = _pace(facts)
    if pace is Pace.ENDED and status not in FINAL:
        # The saga ended between the two reads; nobody asks again after this answer.
        order.refresh_from_db(fields=["status", "cancel_reason"])
        status = OrderStatus(order.status)
    reason = order.cancel_reason
    carrier, tracking = tracking_of(facts) or (order.carrier, "")
    may_cancel = facts.may_be_cancelled(definition)
    return Progress(
        saga_id=saga.id,
        status=status,
        milestones=track(facts, status=status, placed_at=order.placed_at),
        story=story,
        newest=_newest(story, pace, status, reason),
        pace=pace,
        money=money_in_words(facts),
        cancel_reason=reason,
        carrier=carrier,
        tracking=tracking,
        may_cancel=may_cancel,
        why_not_cancel="" if may_cancel else _why_not(facts, status),
        waits_for_stock=is_waiting_for_stock(facts),
        steps_done=frozenset(row.name for row in facts.going(Direction.FORWARD) if row.is_finished),
    )


def _long_ago(order: Order) -> Progress:
    """An order whose saga was pruned: it has ended, and its own row says how."""
    status = OrderStatus(order.status)
    story = remembered_story(status, placed_at=order.placed_at, reason=order.cancel_reason)
    return Progress(
        saga_id=None,
        status=status,
        milestones=remembered_milestones(status, placed_at=order.placed_at),
        story=story,
        newest=_newest(story, Pace.ENDED, status, order.cancel_reason),
        pace=Pace.ENDED,
        money=remembered_money(status),
        cancel_reason=order.cancel_reason,
        carrier=order.carrier,
        tracking="",
        may_cancel=False,
        why_not_cancel=_why_not(None, status),
        waits_for_stock=False,
        steps_done=frozenset(),
    )


def _facts(saga: Saga, turned_at: datetime | None) -> SagaFacts:
    # The newest generation of each step comes last and wins.
    rows = {
        (row.name, row.direction): row
        for row in saga.steps.defer("input", "error").order_by("generation", "id")
    }
    failure = (
        Failure(**{"step": None, "code": "", "message": "", "data": {}, **saga.failure})
        if saga.failure
        else None
    )
    return SagaFacts(
        state=SagaState(saga.state),
        paused=saga.paused,
        failure=failure,
        turned_at=turned_at,
        steps=tuple(_step_facts(row) for row in rows.values()),
    )


def _step_facts(row: SagaStep) -> StepFacts:
    return StepFacts(
        name=row.name,
        direction=Direction(row.direction),
        state=StepState(row.state),
        result_type=row.result_type,
        result=row.result or {},
        attempts=row.attempts,
        deliveries=row.deliveries,
        unsure=row.unsure,
        started_at=row.started_at,
        ended_at=row.ended_at,
        seq=row.done_seq or 0,
    )


def _definition(saga: Saga) -> SagaDefinition | None:
    try:
        return registry.find(saga.definition, saga.version)
    except UnknownDefinition:
        # An old version whose last saga has ended may be gone from the code; its orders are still shown.
        return None


def _pace(saga: SagaFacts) -> Pace:
    if saga.has_ended:
        return Pace.ENDED
    rests = saga.paused or saga.state in (SagaState.WAITING, SagaState.UNDO_FAILED)
    return Pace.RESTING if rests else Pace.MOVING


def _newest(story: Sequence[Entry], pace: Pace, status: OrderStatus, reason: str) -> str:
    if pace is Pace.ENDED and reason:
        return reason if "cancelled" in reason else f"{IN_WORDS[status]}. {sentence(reason)}"
    if pace is Pace.ENDED:
        return (
            "Order shipped. Your parcel is on its way."
            if status is OrderStatus.SHIPPED
            else f"{IN_WORDS[status]}."
        )
    happened = [e for e in story if e.state not in (EntryState.NOW, EntryState.NEXT)]
    now = [entry.words for entry in story if entry.state is EntryState.NOW]
    if pace is Pace.RESTING and now:
        return f"{', and '.join(now)}."
    said = f"{happened[-1].words}."
    return f"{said} Now: {', and '.join(_lowered(words) for words in now)}." if now else said


def _lowered(words: str) -> str:
    return words[:1].lower() + words[1:]


def _why_not(saga: SagaFacts | None, status: OrderStatus) -> str:
    if status is OrderStatus.SHIPPED:
        return "Your order has been shipped, so it can no longer be cancelled."
    if saga is None or saga.is_turned or status is OrderStatus.CANCELLED:
        return ""
    return "Your parcel is being handed over, so the order can no longer be cancelled."
