"""How an order is fulfilled: one flow, three endings (shipped, cancelled, or back-ordered until stock comes).

What stands before the pivot stands beside its undo; from the pivot on there is only trying again.
"""

from __future__ import annotations

from notifications import contracts as notifications
from orchestration import choice, days, escalate, give_up, nothing, parallel, saga, step, wait_for
from orders import contracts as orders
from payments import contracts as payments
from shipping import contracts as shipping

FULFIL_ORDER = "orders.fulfil"

fulfil_order = saga(
    FULFIL_ORDER,
    version=1,
    input=orders.FulfilOrder,
    flow=(
        step(orders.accept, undo=orders.withdraw, milestone="OrderCreated")
        | parallel(
            step(shipping.reserve_stock, undo=shipping.release_stock),
            step(payments.authorize, undo=payments.void),
        )
        | choice(
            shipping.reserve_stock,
            {
                shipping.BackOrdered: step(
                    orders.mark_backordered, undo=nothing("withdrawing the order says it better")
                )
                | step(notifications.order_backordered, undo=nothing("a sent e-mail stays sent"))
                | wait_for(
                    shipping.STOCK_RESERVED,
                    gives=shipping.StockReservedEvent,
                    within=days(30),
                    otherwise=give_up,
                )
                | step(payments.renew_authorization, undo=payments.void_renewed)
                | step(orders.mark_resumed, undo=nothing("withdrawing the order says it better")),
            },
        )
        | step(payments.capture, undo=payments.refund, milestone="PaymentProcessed")
        | step(shipping.create_label, pivot=True)
        | wait_for(shipping.DISPATCHED, gives=shipping.DispatchedEvent, within=days(3), otherwise=escalate)
        | step(orders.mark_shipped, milestone="OrderShipped")
        | step(notifications.order_shipped)
    ),
    after_undo=step(orders.mark_cancelled) | step(notifications.order_cancelled),
    deadline=days(60),
)
