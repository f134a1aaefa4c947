"""What happens in the stories of the crash matrix: orders are placed, armed, cancelled, and what they wait for runs out.

Orders placed here are written and not sent, so that the workers' heartbeats send them; only `order_over_http` goes through
the web server.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from orchestration.core.planning.states import SagaState
from orchestration.engine.messages.transport import use_transport
from orchestration.models import Incident, OutboxMessage, Saga, SagaStep
from orders.models import Order
from orders.sagas import FULFIL_ORDER
from orders.services.cancelling import cancel_order
from orders.services.placing import place_order
from orders.services.requests import PlaceOrder
from tests.crash_matrix.clients import ask_site, run_command
from tests.crash_matrix.trial import Failed, Trial

IN_STOCK = 10
"""Units of each product in the warehouse; a story that is to wait orders one more."""


class _Nobody:
    """A transport that is never used: its presence keeps this process's relay still."""


@contextmanager
def unsent() -> Iterator[None]:
    """A transaction whose messages this process does not send: it is the one that arms, and must never be hit itself."""
    with use_transport(_Nobody()), transaction.atomic():  # type: ignore[arg-type]  # nothing is sent by it
        yield


def place(
    trial: Trial, *, card: str = "card_ok", quantity: int = 1, name: str = "Ada", armed: bool = True
) -> tuple[object, ...]:
    """Store the order, and return the names of its saga; it is sent by whichever heartbeat comes first."""
    with unsent():
        request = PlaceOrder.model_validate(_request(trial, card=card, quantity=quantity, name=name))
        order = place_order(request=request, principal="crash matrix").order
        trial.saga = Saga.objects.get(definition=FULFIL_ORDER, business_key=str(order.id))
        names = (trial.saga.id, trial.saga.business_key, trial.reference)
        if armed:
            trial.charge.arm(*names)
    return names


def order_over_http(trial: Trial) -> None:
    """Have a customer order at the site, and repeat it until the answer is definite; what is stored must be what was answered."""

    def look_after_failure() -> None:
        if trial.charge.cell.point == "K1" and Order.objects.filter(reference=trial.reference).exists():
            raise Failed("an order exists although its transaction was not committed")

    ask_site(
        trial, "/api/orders", body=_request(trial), key=trial.reference, wanted={200, 201},
        after_first_failure=look_after_failure,
    )  # fmt: skip
    placed = json.loads(trial.answers[-1][1])["id"]
    stored = [str(order.pk) for order in Order.objects.filter(reference=trial.reference)]
    if stored != [placed]:
        raise Failed(f"the site answered order {placed}, stored are {stored}")


def place_and_wait_for_stock(trial: Trial) -> None:
    """Store an order of more than there is, unarmed, and wait until it waits."""
    place(trial, quantity=IN_STOCK + 1, armed=False)
    trial.wait_until(
        lambda: trial.look() is not None and trial.saga.state == SagaState.WAITING.value, "it waits for stock"
    )


def place_and_fail_to_undo(trial: Trial) -> None:
    """The label is refused after the money was taken, and the gateway gives none back."""
    place(trial, card="card_refund_refused", name="Nowhere", armed=False)
    stuck = Incident.objects.filter(kind="undo_failed", step="payments.capture", resolved_at=None)
    trial.wait_until(
        lambda: (
            trial.look() is not None
            and trial.saga.state == SagaState.UNDO_FAILED.value
            and stuck.filter(saga=trial.saga).exists()
        ),
        "its undo fails for good",
    )


def cancel(trial: Trial) -> None:
    """Cancel the order, armed in the transaction that does so."""
    with unsent():
        trial.charge.arm(trial.saga.id)
        cancel_order(order_id=Order.objects.get(reference=trial.reference).pk, by="crash matrix")
    trial.must_be = SagaState.CANCELLED


def lose_message(trial: Trial) -> None:
    """Within the transaction that writes it: to the world it looks sent, and no broker has it."""
    lost = OutboxMessage.objects.filter(saga_id=trial.saga.id, kind="dispatch", sent_at=None)
    if lost.update(sent_at=Now()) != 1:
        raise Failed("there was no message to be lost")


def command(trial: Trial, subcommand: str, *arguments: str) -> None:
    """Have a person decide at a terminal, in an armed process of its own."""
    trial.charge.arm(trial.saga.id)
    trial.in_background(lambda: run_command(trial, "saga", subcommand, trial.reference, *arguments))


def let_wait_run_out(trial: Trial) -> None:
    """Let the time of what the order waits for be over. Inside a transaction."""
    waiting = SagaStep.objects.filter(saga=trial.saga, state="waiting", direction="forward")
    if waiting.update(due_at=Now() - timedelta(seconds=1)) != 1:
        raise Failed("the event came before its wait could be made to run out")
    Saga.objects.filter(id=trial.saga.id).update(wake_at=Now())


def _request(trial: Trial, *, card: str = "card_ok", quantity: int = 1, name: str = "Ada") -> dict[str, Any]:
    return {
        "reference": trial.reference,
        "customer": {"name": "Ada Lovelace", "email": "ada@example.com"},
        "ship_to": {"name": name, "line1": "12 St James Square", "city": "London", "country": "UK"},
        "card": card,
        "lines": [{"sku": trial.sku, "quantity": quantity}],
    }
