"""The steps of notifications: each writes one e-mail, sends it, and records that it has left."""

from __future__ import annotations

import logging

from notifications import contracts
from notifications.mail import (
    CannotBeMailed,
    find_email,
    message_id_for,
    record_sent,
    record_unmailable,
    send_email,
    write_email,
)
from notifications.models import EmailState, Kind
from notifications.reasons import reason_for
from notifications.rendering import Words, render
from orchestration import StepContext, StepError
from orchestration.core.definition.policy import FORWARD
from orchestration.participant import performs

logger = logging.getLogger(__name__)


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
    _save(result)


@performs(contracts.order_backordered)
def order_backordered(
    command: contracts.TellOrderBackordered, context: StepContext
) -> contracts.CustomerTold:
    """Tell the customer that something is out of stock and the order waits."""
    names = _names(command)
    words = render(
        Kind.ORDER_BACKORDERED, command, missing=[names.get(sku, sku) for sku in command.short_skus]
    )
    try:
        return _tell(Kind.ORDER_BACKORDERED, command, context, words)
    except Exception as error:
        # Another failure would give the step up and undo an order that only waits: a mail never does.
        if FORWARD.allows(ended_attempts=context.attempt):
            raise
        logger.exception("order %s: the e-mail about the wait is done without", command.reference)
        why = str(error) if isinstance(error, StepError) else type(error).__name__
        return contracts.CustomerTold(
            message_id=message_id_for(context.idempotency_key), mailed=False, why_not=why[:255]
        )


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
    _save(result)


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
    _save(result)


def _tell(
    kind: Kind, news: contracts.OrderNews, context: StepContext, words: Words
) -> contracts.CustomerTold:
    message = write_email(
        key=context.idempotency_key, order_id=news.order_id, kind=kind, to=news.email, words=words
    )
    try:
        send_email(message)
    except CannotBeMailed as why:
        return contracts.CustomerTold(message_id=message.message_id, mailed=False, why_not=str(why))
    return contracts.CustomerTold(message_id=message.message_id)


def _save(result: contracts.CustomerTold) -> None:
    if result.mailed:
        record_sent(message_id=result.message_id)
    else:
        record_unmailable(message_id=result.message_id, why=result.why_not)


def _find(kind: Kind, news: contracts.OrderNews) -> contracts.CustomerTold | None:
    message = find_email(order_id=news.order_id, kind=kind)
    if message is None:
        return None
    is_out = message.state != EmailState.UNMAILABLE
    return contracts.CustomerTold(message_id=message.message_id, mailed=is_out, why_not=message.problem)


def _money(command: contracts.TellOrderCancelled, context: StepContext) -> dict[str, bool]:
    """What became of the money: taken and given back, kept by decision, or only held."""
    kept_captures = [kept.gave.get("capture_id") for kept in context.kept]
    is_kept = command.capture_id is not None and command.capture_id in kept_captures
    still_held = command.capture_id is None and any("authorization_id" in kept.gave for kept in context.kept)
    return {"paid_back": command.capture_id is not None and not is_kept, "kept": is_kept, "held": still_held}


def _names(news: contracts.OrderNews) -> dict[str, str]:
    return {line.sku: line.name for line in news.lines if line.name}
