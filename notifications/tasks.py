"""The steps of notifications: each writes one e-mail, sends it, and records that it has left."""

from __future__ import annotations

from notifications import contracts
from notifications.mail import find_email, record_sent, send_email, write_email
from notifications.models import Kind
from notifications.reasons import reason_for
from notifications.rendering import Words, render
from orchestration import StepContext
from orchestration.participant import performs


@performs(contracts.order_shipped)
def order_shipped(command: contracts.TellOrderShipped, context: StepContext) -> contracts.CustomerTold:
    """Tell the customer that the parcel is on its way."""
    return _tell(Kind.ORDER_SHIPPED, command, context, render(Kind.ORDER_SHIPPED, command))


@order_shipped.look_up
def find_order_shipped(
    command: contracts.TellOrderShipped, context: StepContext
) -> contracts.CustomerTold | None:
    """Whether that e-mail has left."""
    return _find(Kind.ORDER_SHIPPED, command)


@order_shipped.record
def save_order_shipped(
    command: contracts.TellOrderShipped, result: contracts.CustomerTold, context: StepContext
) -> None:
    """Write that it has left."""
    record_sent(message_id=result.message_id)


@performs(contracts.order_backordered)
def order_backordered(
    command: contracts.TellOrderBackordered, context: StepContext
) -> contracts.CustomerTold:
    """Tell the customer that something is out of stock and the order waits."""
    names = _names(command)
    words = render(
        Kind.ORDER_BACKORDERED, command, missing=[names.get(sku, sku) for sku in command.short_skus]
    )
    return _tell(Kind.ORDER_BACKORDERED, command, context, words)


@order_backordered.look_up
def find_order_backordered(
    command: contracts.TellOrderBackordered, context: StepContext
) -> contracts.CustomerTold | None:
    """Whether that e-mail has left."""
    return _find(Kind.ORDER_BACKORDERED, command)


@order_backordered.record
def save_order_backordered(
    command: contracts.TellOrderBackordered, result: contracts.CustomerTold, context: StepContext
) -> None:
    """Write that it has left."""
    record_sent(message_id=result.message_id)


@performs(contracts.order_cancelled)
def order_cancelled(command: contracts.TellOrderCancelled, context: StepContext) -> contracts.CustomerTold:
    """Tell the customer that there will be no delivery, and why."""
    reason = reason_for(context.failure, _names(command))
    words = render(Kind.ORDER_CANCELLED, command, reason=reason, **_money(command, context))
    return _tell(Kind.ORDER_CANCELLED, command, context, words)


@order_cancelled.look_up
def find_order_cancelled(
    command: contracts.TellOrderCancelled, context: StepContext
) -> contracts.CustomerTold | None:
    """Whether that e-mail has left."""
    return _find(Kind.ORDER_CANCELLED, command)


@order_cancelled.record
def save_order_cancelled(
    command: contracts.TellOrderCancelled, result: contracts.CustomerTold, context: StepContext
) -> None:
    """Write that it has left."""
    record_sent(message_id=result.message_id)


def _tell(
    kind: Kind, news: contracts.OrderNews, context: StepContext, words: Words
) -> contracts.CustomerTold:
    message = write_email(
        key=context.idempotency_key, order_id=news.order_id, kind=kind, to=news.email, words=words
    )
    send_email(message)
    return contracts.CustomerTold(message_id=message.message_id)


def _find(kind: Kind, news: contracts.OrderNews) -> contracts.CustomerTold | None:
    message = find_email(order_id=news.order_id, kind=kind)
    return contracts.CustomerTold(message_id=message.message_id) if message else None


def _money(command: contracts.TellOrderCancelled, context: StepContext) -> dict[str, bool]:
    """What became of the money: taken and given back, kept by decision, or only held."""
    kept_captures = [kept.gave.get("capture_id") for kept in context.kept]
    is_kept = command.capture_id is not None and command.capture_id in kept_captures
    still_held = command.capture_id is None and any("authorization_id" in kept.gave for kept in context.kept)
    return {"paid_back": command.capture_id is not None and not is_kept, "kept": is_kept, "held": still_held}


def _names(news: contracts.OrderNews) -> dict[str, str]:
    return {line.sku: line.name for line in news.lines if line.name}
