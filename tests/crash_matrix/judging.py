"""What must be true of one order after its crash: how it ended, who finished it, and what the providers' ledgers say."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from orchestration.core.planning.states import SagaState
from orchestration.models import InboxMessage, Incident, OutboxMessage, Saga, SagaEvent, SagaStep
from orchestration.operations.replaying import compare_with_history
from orders.models import Order
from orders.sagas import FULFIL_ORDER
from tests.crash_matrix.arming import Evidence
from tests.crash_matrix.trial import Failed, Trial
from tests.crash_matrix.world import Call

ORDER_STATUS = {
    SagaState.COMPLETED: "shipped",
    SagaState.COMPENSATED: "cancelled",
    SagaState.CANCELLED: "cancelled",
}
SHIPPED = {"authorize": 1, "capture": 1, "create_label": 1}
"""Effects at the providers of an order that was shipped, by operation."""
UNDONE = {"authorize": 1, "void": 1}
"""Of an order that was undone before its money was taken."""
KEPT = {"authorize": 1, "capture": 1}
"""Of an order whose money the gateway refuses to give back."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was seen of a cell that held its promise."""

    ended: str
    """The saga's state."""
    seconds: float
    """From the crash to the end."""
    proof: str
    """How it is known that the process failed as it was told to."""


def judge(trial: Trial, evidence: Evidence) -> None:
    """Check everything that must be true now that the story has ended.

    Raises:
        Failed: something is not; the text names it.
    """
    trial.look()
    saga = trial.saga
    _demand(saga.state == trial.must_be.value, f"the saga is {saga.state}, not {trial.must_be.value}")
    _one_order(trial)
    _is_at_rest(saga)
    unsent = OutboxMessage.objects.filter(saga_id=saga.id, sent_at=None)
    trial.wait_until(lambda: not unsent.exists(), "the dead relay's messages were sent")
    trial.wait_until(lambda: not _events_in_limbo(saga), "every event for it was applied or ignored")
    compared = compare_with_history(saga.id)
    _demand(not compared.differences, f"its history says otherwise: {compared.differences}")
    _finished_by_another(trial, evidence)
    _ledgers(trial, evidence)


def _one_order(trial: Trial) -> None:
    orders = list(Order.objects.filter(reference=trial.reference))
    _demand(len(orders) == 1, f"there are {len(orders)} orders {trial.reference}")
    sagas = Saga.objects.filter(definition=FULFIL_ORDER, business_key=str(orders[0].pk)).count()
    _demand(sagas == 1, f"the order has {sagas} sagas")
    status = ORDER_STATUS.get(trial.must_be)
    _demand(
        status in (None, orders[0].status), f"the saga is {trial.saga.state}, the order {orders[0].status}"
    )


def _is_at_rest(saga: Saga) -> None:
    at_work = SagaStep.objects.filter(saga=saga, state__in=["running", "unknown", "pending", "waiting"])
    at_work = at_work.exclude(task="")  # a wait that undo overtook stays as it was
    _demand(not at_work.exists(), f"steps are still open: {[str(step) for step in at_work]}")
    if saga.state == SagaState.UNDO_FAILED.value:
        told = Incident.objects.filter(saga=saga, kind="undo_failed", resolved_at=None).exclude(step="")
        _demand(told.exists(), "nobody is told of the undo that failed")
    begun = SagaEvent.objects.filter(saga=saga, after=SagaState.COMPENSATING.value, kind="undo_begun").count()
    _demand(begun <= 1, f"its undo began {begun} times")


def _events_in_limbo(saga: Saga) -> set[str]:
    """Events that were published for the order and are neither applied nor ignored."""
    published = OutboxMessage.objects.filter(kind="event", payload__key=saga.business_key)
    settled = InboxMessage.objects.filter(
        key=saga.business_key, deliveries__saga=saga, deliveries__state__in=["applied", "ignored"]
    )
    return set(published.values_list("payload__id", flat=True)) - set(
        settled.values_list("event_id", flat=True)
    )


def _finished_by_another(trial: Trial, evidence: Evidence) -> None:
    cell = trial.charge.cell
    if cell.mode not in ("kill", "kill_group", "hang"):
        return
    trace = trial.charge.trace()
    asleep_until = next(
        (arrival.at for arrival in trace if arrival.pid == evidence.pid and arrival.point == "went on"), None
    )
    others = [
        arrival
        for arrival in trace
        if arrival.at > evidence.at
        and arrival.pid != evidence.pid
        and (asleep_until is None or cell.holds_locks or arrival.at < asleep_until)
    ]
    _demand(bool(others), "no other process has worked on the order since")
    late = {arrival.point for arrival in trace if arrival.pid == evidence.pid and arrival.at > evidence.at}
    if cell.mode != "hang":
        _demand(not late, f"the dead process reached {sorted(late)}")
    elif cell.point in ("K7", "K8", "K13", "K14"):
        kept = SagaEvent.objects.filter(saga=trial.saga, kind="late_result").count()
        _demand(kept >= 1, "the woken process's late result is not in the history")


def _ledgers(trial: Trial, evidence: Evidence) -> None:
    calls = trial.world.calls(trial.saga.id)
    effects = Counter(call.key for call in calls if call.made_effect)
    doubled = {key: count for key, count in effects.items() if count > 1}
    _demand(not doubled, f"effects were doubled: {doubled}")
    made = Counter(call.operation for call in calls if call.made_effect)
    if trial.must_be is SagaState.COMPLETED:
        wanted = SHIPPED
    else:
        wanted = KEPT if trial.charge.cell.site.variant in ("retry", "settle", "skip") else UNDONE
    _demand(made == wanted, f"the providers' ledgers have {dict(made)}, not {wanted}")
    if again := trial.charge.cell.site.calls_again:
        _asked_again(f"{trial.saga.id}/{again}/", calls)


def _asked_again(prefix: str, calls: list[Call]) -> None:
    """The effect had happened and nobody knew: its key must have been used or looked up again, and have one effect."""
    asked = [call for call in calls if call.key.startswith(prefix)]
    _demand(len(asked) >= 2, f"the provider was asked {len(asked)} times under {prefix}: nobody made sure")
    made = sum(call.made_effect for call in asked)
    _demand(made == 1, f"{made} effects under {prefix}")


def _demand(is_so: bool, words: str) -> None:
    if not is_so:
        raise Failed(words)
