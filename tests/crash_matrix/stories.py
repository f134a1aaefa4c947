"""How an order comes to the point where its process is to fail: each story places one order and knows how it must end.

The crash is armed before anything could happen: inside the transaction that begins it, or by the order's number.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from uuid import UUID

from django.db import transaction

from orchestration.core.planning.states import SagaState
from orchestration.models import SagaEvent, SagaStep
from orchestration.services import pause_saga
from orders.services.cancelling import cancel_order
from shipping.contracts import DISPATCHED
from shipping.restocking import restock_products
from tests.crash_matrix.clients import ask_site
from tests.crash_matrix.happenings import (
    cancel,
    command,
    let_wait_run_out,
    lose_message,
    order_over_http,
    place,
    place_and_fail_to_undo,
    place_and_wait_for_stock,
    unsent,
)
from tests.crash_matrix.trial import Trial

STORIES: dict[str, Callable[[Trial], None]] = {}


def _story(tell: Callable[[Trial], None]) -> Callable[[Trial], None]:
    STORIES[tell.__name__] = tell
    return tell


@_story
def ships(trial: Trial) -> None:
    """Everything goes well."""
    place(trial)


@_story
def declined(trial: Trial) -> None:
    """Taking the money is refused, and what was done is undone."""
    place(trial, card="card_capture_declined")
    trial.must_be = SagaState.COMPENSATED


@_story
def lost(trial: Trial) -> None:
    """The broker takes the first message and loses it: the sweep finds the saga that nobody works on."""
    with unsent():
        place(trial)
        lose_message(trial)


@_story
def ordered(trial: Trial) -> None:
    """A customer orders over HTTP, and repeats it under the same key until the answer is definite."""
    trial.charge.arm(trial.reference)
    trial.in_background(lambda: order_over_http(trial))


@_story
def cancelled(trial: Trial) -> None:
    """A customer cancels over HTTP an order that waits for stock."""
    place_and_wait_for_stock(trial)
    trial.charge.arm(trial.saga.id)
    path = f"/api/orders/{trial.saga.business_key}/cancel"
    trial.in_background(lambda: ask_site(trial, path, body={}, wanted={200, 202}))
    trial.must_be = SagaState.CANCELLED


@_story
def called_off(trial: Trial) -> None:
    """An order that waits for stock is cancelled by a process that dies before its relay sends anything."""
    place_and_wait_for_stock(trial)
    cancel(trial)


@_story
def undo_lost(trial: Trial) -> None:
    """As `called_off`, and the broker takes the message and loses it: the sweep begins the undo."""
    place_and_wait_for_stock(trial)
    with unsent():
        cancel(trial)
        lose_message(trial)


@_story
def event_too_late(trial: Trial) -> None:
    """Stock comes and the order is cancelled in the same moment: the news of it arrives while it is being undone."""
    place_and_wait_for_stock(trial)
    with unsent():
        trial.charge.arm(trial.saga.id, trial.saga.business_key)
        restock_products(units={trial.sku: 1})
        cancel_order(order_id=UUID(trial.saga.business_key), by="crash matrix")
    trial.must_be = SagaState.CANCELLED


@_story
def timed_out(trial: Trial) -> None:
    """Stock does not come in time."""
    place_and_wait_for_stock(trial)
    with unsent():
        trial.charge.arm(trial.saga.id)
        let_wait_run_out(trial)
    trial.must_be = SagaState.COMPENSATED


@_story
def escalated(trial: Trial) -> None:
    """The carrier is late: an incident is opened, and the news of the parcel is still welcome."""
    trial.charge.arm(*place(trial, armed=False))
    wait = SagaStep.objects.filter(name=DISPATCHED, state="waiting")
    trial.wait_until(
        lambda: trial.look() is not None and wait.filter(saga=trial.saga).exists(), "it waits for the carrier"
    )
    with transaction.atomic():
        let_wait_run_out(trial)


@_story
def resumed(trial: Trial) -> None:
    """An order is held by a person, its stock comes meanwhile, and the person lets it go on."""
    place_and_wait_for_stock(trial)
    with unsent():
        pause_saga(saga_id=trial.saga.id, by="crash matrix")
        restock_products(units={trial.sku: 1})
    arrived = SagaEvent.objects.filter(saga=trial.saga, kind="event_applied")
    trial.wait_until(arrived.exists, "the news of the stock is applied to the held order")
    command(trial, "resume", "--reason", "looked into")


@_story
def undo_tried_again(trial: Trial) -> None:
    """A person has a refund tried again that the gateway refuses: it refuses it again, and a person must decide again."""
    place_and_fail_to_undo(trial)
    failed = SagaEvent.objects.filter(saga=trial.saga, kind="undo_failed")
    trial.must_be = SagaState.UNDO_FAILED
    trial.is_over = lambda saga: saga.state == SagaState.UNDO_FAILED.value and failed.count() == 2
    command(trial, "retry", "payments.capture", "--undo", "--reason", "crash matrix")


@_story
def undo_settled(trial: Trial) -> None:
    """A person has the money given back by hand, and says so."""
    place_and_fail_to_undo(trial)
    trial.must_be = SagaState.COMPENSATED
    result = json.dumps({"refund_id": trial.world.refund_by_hand(trial.saga.business_key)})
    command(
        trial,
        "settle",
        "payments.capture",
        "--undo",
        "--done",
        "--result",
        result,
        "--reason",
        "crash matrix",
    )


@_story
def undo_skipped(trial: Trial) -> None:
    """A person decides that the money is kept."""
    place_and_fail_to_undo(trial)
    trial.must_be = SagaState.COMPENSATED
    command(trial, "skip", "payments.capture", "--undo", "--reason", "crash matrix")
