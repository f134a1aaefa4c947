"""What this app does for a saga: it changes an order's status. Each runs in the transaction that records the step."""

from __future__ import annotations

from orchestration import NOT_NEEDED, NotNeeded, StepContext
from orchestration.participant import performs
from orders import contracts
from orders.cancel_reasons import reason_for
from orders.services.status_changes import change_status
from orders.status import OrderStatus


@performs(contracts.accept)
def accept(command: contracts.AcceptOrder, context: StepContext) -> None:
    """Confirm the order."""
    change_status(order_id=command.order_id, to=OrderStatus.CONFIRMED)


@performs(contracts.withdraw)
def withdraw(command: contracts.WithdrawOrder, context: StepContext) -> NotNeeded | None:
    """Take the confirmation back."""
    changed = change_status(order_id=command.order_id, to=OrderStatus.WITHDRAWN)
    return None if changed else NOT_NEEDED


@performs(contracts.mark_backordered)
def mark_backordered(command: contracts.MarkBackordered, context: StepContext) -> None:
    """Show that the order waits for stock."""
    change_status(order_id=command.order_id, to=OrderStatus.BACKORDERED)


@performs(contracts.mark_resumed)
def mark_resumed(command: contracts.MarkResumed, context: StepContext) -> None:
    """Show that stock has come."""
    change_status(order_id=command.order_id, to=OrderStatus.CONFIRMED)


@performs(contracts.mark_shipped)
def mark_shipped(command: contracts.MarkShipped, context: StepContext) -> None:
    """Show that the carrier has the order."""
    change_status(order_id=command.order_id, to=OrderStatus.SHIPPED)


@performs(contracts.mark_cancelled)
def mark_cancelled(command: contracts.MarkCancelled, context: StepContext) -> None:
    """Show that the order is cancelled, and why."""
    change_status(order_id=command.order_id, to=OrderStatus.CANCELLED, reason=reason_for(context.failure))
