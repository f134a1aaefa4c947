"""What must be true of orders and their sagas, checked by `manage.py verify`.

Each is one statement and so sees one moment: an order that is being placed meanwhile can be no false alarm.
What is true across the apps, the project checks (`config.invariants`).
"""

from __future__ import annotations

from typing import Any

from django.db import connection

from orchestration.standing import left_standing
from orchestration.verification import Finding, invariant
from orders import contracts
from orders.models import IdempotencyKey, Order
from orders.sagas import FULFIL_ORDER
from orders.status import ENDING_OF_SAGA, FINAL

_MARKS = {contracts.mark_shipped.task, contracts.mark_cancelled.task}
"""Steps that give an order its final status."""


def _rows(sql: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


@invariant("orders: every order has exactly one saga, and every saga its order")
def one_saga_per_order() -> Finding:
    """They are written in one transaction. Only the saga of an order with a final status may be gone: it was pruned."""
    alone = _rows(
        """
        SELECT coalesce(o.reference, s.reference), count(o.id), count(s.id)
        FROM orders_order o
        FULL JOIN (SELECT * FROM orchestration_saga WHERE definition = %s) s ON s.business_key = o.id::text
        WHERE s.id IS NOT NULL OR o.status <> ALL(%s)
        GROUP BY coalesce(o.reference, s.reference), o.id, s.business_key
        HAVING count(o.id) <> 1 OR count(s.id) <> 1
        """,
        [FULFIL_ORDER, sorted(FINAL)],
    )
    return Finding(
        checked=Order.objects.count(),
        violations=[f"{reference}: {orders} order(s), {sagas} saga(s)" for reference, orders, sagas in alone],
    )


@invariant("orders: a status agrees with the saga that has ended")
def status_agrees_with_saga() -> Finding:
    """A completed saga's order is shipped; every other ending is a cancelled order, and no order ends before its saga.

    Where a person has left out the step that marks the order, its status is kept by decision.
    """
    rows = _rows(
        """
        SELECT o.reference, o.status, s.state, s.id
        FROM orders_order o JOIN orchestration_saga s ON s.definition = %s AND s.business_key = o.id::text
        WHERE s.ended_at IS NOT NULL
        """,
        [FULFIL_ORDER],
    )
    apart = [row for row in rows if ENDING_OF_SAGA.get(row[2]) != row[1]]
    decided = left_standing({saga_id for *_, saga_id in apart}) if apart else {}
    violations, kept = [], []
    for reference, status, state, saga_id in apart:
        marks = [each for each in decided.get(saga_id, ()) if each.step in _MARKS]
        told = f"order {reference} is {status}, its saga {state}"
        if marks:
            kept.append(f"{told}: {marks[0]}")
        else:
            violations.append(told)
    return Finding(len(rows), violations, kept)


@invariant("orders: a total is the sum of its lines, and what the saga was told to charge")
def totals_add_up() -> Finding:
    """The price is fixed when the order is placed, and is the same everywhere."""
    wrong = _rows(
        """
        SELECT o.reference, o.total_minor, coalesce(l.total, 0), (s.input ->> 'amount_minor')::bigint
        FROM orders_order o
        LEFT JOIN (SELECT order_id, sum(line_total_minor) AS total FROM orders_orderline GROUP BY order_id) l
            ON l.order_id = o.id
        LEFT JOIN orchestration_saga s ON s.definition = %s AND s.business_key = o.id::text
        WHERE o.total_minor IS DISTINCT FROM l.total
           OR o.total_minor <> (s.input ->> 'amount_minor')::bigint
           OR o.currency <> s.input ->> 'currency'
        """,
        [FULFIL_ORDER],
    )
    return Finding(
        checked=Order.objects.count(),
        violations=[
            f"order {reference}: total {total}, lines {lines}, saga {charged}"
            for reference, total, lines, charged in wrong
        ],
    )


@invariant("orders: every stored answer tells of an order that exists")
def answers_have_orders() -> Finding:
    """Answer and order are written in one transaction: a client was never promised what is not there."""
    orphans = _rows(
        """
        SELECT k.key FROM orders_idempotencykey k
        WHERE NOT EXISTS (
            SELECT 1 FROM orders_order o
            WHERE k.location IN ('/api/orders/' || o.id::text, '/orders/' || o.id::text || '/')
        )
        """,
        [],
    )
    return Finding(
        checked=IdempotencyKey.objects.count(),
        violations=[
            f"the answer under key {key} tells of an order that does not exist" for (key,) in orphans
        ],
    )
