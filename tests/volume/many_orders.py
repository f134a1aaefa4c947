"""Ten thousand orders with all that belongs to them: one of each ending is made by the engine, then copied in SQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import md5
from uuid import UUID

from django.test import override_settings
from django_celery_results.models import TaskResult

from notifications.models import EmailMessage
from orchestration.models import (
    InboxDelivery,
    InboxMessage,
    Incident,
    OutboxMessage,
    Saga,
    SagaEvent,
    SagaStep,
)
from orders.models import IdempotencyKey, Order, OrderLine, Product
from payments.models import Payment
from shipping.models import Reservation, ReservationLine, Shipment, Stock, StockMovement
from tests.orders.fulfilment import DISPATCHED, fulfil, stock
from tests.volume.copying import execute, insert, table

CUSTOMER = "browser:11111111-1111-4111-8111-111111111111"
"""Who placed the first copies of each ending; everybody else placed one order."""
OF_CUSTOMER = 40
COPIES = {"shipped": 8_000, "waiting": 1_000, "cancelled": 1_000}
PRODUCTS = 300

BIG = (
    Order, OrderLine, Saga, SagaStep, SagaEvent, Payment, Reservation, ReservationLine, Shipment, StockMovement,
    EmailMessage, TaskResult, InboxDelivery, InboxMessage, OutboxMessage, IdempotencyKey,
)  # fmt: skip
"""Tables that grow with the orders."""

_NEW_ID = "md5({} || '/' || n)::uuid"
_LATER = "{0} + n * interval '17 minutes' - interval '120 days'"


@dataclass(frozen=True, slots=True)
class ManyOrders:
    """One order of each ending, of `CUSTOMER`."""

    shipped: Order
    waiting: Order
    cancelled: Order

    def ids(self) -> dict[str, UUID]:
        """By ending."""
        return {"shipped": self.shipped.id, "waiting": self.waiting.id, "cancelled": self.cancelled.id}


@contextmanager
def many_orders() -> Iterator[ManyOrders]:
    """Fill the tables and empty them in the end; what is written is committed."""
    try:
        with override_settings(
            PAYMENTS_GATEWAY="payments.gateway_memory.InMemoryGateway",
            SHIPPING_CARRIER="shipping.carrier_memory.InMemoryCarrier",
        ):
            templates = _one_of_each()
        for ending, order in templates.items():
            _copy(order.id, COPIES[ending])
        execute(f"INSERT INTO {table(TaskResult)} (task_id, status, content_type, content_encoding, task_name, date_created, "
                 "date_done, meta, result, task_args, task_kwargs, worker, periodic_task_name) "
                 "SELECT task_id, 'FAILURE', 'application/json', 'utf-8', task, now(), now(), '{}', '{}', '', '{}', '', '' "
                 f"FROM {table(SagaStep)} WHERE error IS NOT NULL AND task_id <> ''")  # fmt: skip
        execute("ANALYZE")
        yield ManyOrders(**{ending: _of_customer(order) for ending, order in templates.items()})
    finally:
        tables = ", ".join(table(model) for model in (*BIG, Incident, Product, Stock))
        execute(f"TRUNCATE {tables} RESTART IDENTITY CASCADE")


def _one_of_each() -> dict[str, Order]:
    Product.objects.bulk_create(
        Product(
            sku=f"NW-{n}", name=f"Product {n}", category=f"Category {n % 8}", price_minor=2100, currency="USD"
        )
        for n in range(1, PRODUCTS + 1)
    )
    stock(**{f"NW_{n}": 100_000 if n % 5 else 0 for n in range(1, PRODUCTS + 1)})
    shipped, run = fulfil(("NW-11", 3), ("NW-12", 1), ("NW-13", 1), reference="shipped")
    run.until_rest().send("shipping.dispatched", DISPATCHED).until_rest()
    waiting, run = fulfil(("NW-5", 2), ("NW-12", 1), reference="waiting")
    run.until_rest()
    cancelled, run = fulfil(("NW-11", 2), reference="cancelled", reject_at="payments.capture")
    run.until_rest()
    return {"shipped": shipped, "waiting": waiting, "cancelled": cancelled}


def _copy(order: UUID, copies: int) -> None:
    """Copy an order with everything that names it, `copies` times."""
    saga = Saga.objects.get(business_key=str(order)).pk
    of_order, of_saga = f"order_id = '{order}'", f"saga_id = '{saga}'"
    new_order, new_saga = _NEW_ID.format("t.order_id"), _NEW_ID.format("t.saga_id")
    placed_by = f"CASE WHEN n <= {OF_CUSTOMER} THEN '{CUSTOMER}' ELSE 'browser:' || md5(t.reference || n) END"
    # As scattered as real ones: in the order of the rows an index would look better than it is.
    numbered = "'OR-' || upper(substr(md5(t.reference || n), 1, 8))"
    insert(Order, f"id = '{order}'", copies, {
        "id": _NEW_ID.format("t.id"), "reference": numbered, "placed_by": placed_by,
        "email": "'person-' || n || '@example.com'", "placed_at": _LATER.format("t.placed_at"),
    })  # fmt: skip
    insert(Saga, f"id = '{saga}'", copies, {
        "id": _NEW_ID.format("t.id"), "business_key": _NEW_ID.format("t.business_key"), "reference": numbered,
        "created_at": _LATER.format("t.created_at"), "updated_at": _LATER.format("t.updated_at"),
    })  # fmt: skip
    insert(OrderLine, of_order, copies, {"order_id": new_order})
    insert(SagaStep, of_saga, copies, {"saga_id": new_saga, "task_id": "md5(t.task_id || t.id || n)::uuid"})
    insert(SagaEvent, of_saga, copies, {"saga_id": new_saga})
    insert(Payment, of_order, copies, {"order_id": new_order, "authorization_id": "t.authorization_id || n"})
    insert(Reservation, of_order, copies, {"order_id": new_order})
    insert(StockMovement, of_order, copies, {"order_id": new_order})
    insert(EmailMessage, of_order, copies, {"order_id": new_order, "message_id": "t.message_id || n"})
    insert(Shipment, of_order, copies, {
        "order_id": new_order, "label_id": "t.label_id || n", "dispatch_event_id": "t.dispatch_event_id || n",
    })  # fmt: skip
    insert(OutboxMessage, of_saga, copies, {"saga_id": new_saga})
    insert(InboxMessage, f"key = '{order}'", copies, {
        "id": _NEW_ID.format("t.id"), "event_id": "t.event_id || n", "key": "t.key || n",
    })  # fmt: skip
    insert(
        InboxDelivery, of_saga, copies, {"saga_id": new_saga, "message_id": _NEW_ID.format("t.message_id")}
    )
    execute(
        f"INSERT INTO {table(ReservationLine)} (reservation_id, sku, quantity) SELECT copied.id, line.sku, line.quantity "
        f"FROM {table(Reservation)} t JOIN {table(ReservationLine)} line ON line.reservation_id = t.id "
        f"CROSS JOIN generate_series(1, {copies}) n JOIN {table(Reservation)} copied ON copied.order_id = {new_order} "
        f"WHERE t.{of_order}"
    )
    execute(
        f"INSERT INTO {table(IdempotencyKey)} (principal, key, request_hash, status_code, body, location, created) "
        f"SELECT {placed_by}, md5(t.reference || n), '', 201, '{{}}', '', now() "
        f"FROM {table(Order)} t CROSS JOIN generate_series(1, {copies}) n WHERE t.id = '{order}'"
    )


def _of_customer(template: Order) -> Order:
    return Order.objects.get(id=md5(f"{template.id}/1".encode(), usedforsecurity=False).hexdigest())
