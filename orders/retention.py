"""Answers stored under an idempotency key: the only rows of this app that may be forgotten, and by default are not.

The API promises that a key never expires, and so it is by default. Whoever sets an age takes that back: a request repeated after it is placed anew,
unless its order has a reference of the client's own.
"""

from __future__ import annotations

from collections import Counter

from django.db import connection

from orchestration.retention import Batch, Round, prunes

_OLDEST = """
SELECT id, created < %(before)s FROM orders_idempotencykey WHERE id > %(after)s ORDER BY id LIMIT %(most)s
"""


@prunes("idempotency-keys", usual="never", what="stored answers of the API and the checkout")
def take_answers(asked: Round) -> Batch:
    """One batch, from the beginning of the primary key: ids grow with time."""
    statement = _OLDEST if asked.dry_run else _OLDEST + "FOR UPDATE SKIP LOCKED"
    with connection.cursor() as cursor:
        cursor.execute(statement, {"before": asked.before, "after": asked.after or 0, "most": asked.most})
        found = cursor.fetchall()
        going = [number for number, is_old in found if is_old]
        if going and not asked.dry_run:
            cursor.execute("DELETE FROM orders_idempotencykey WHERE id = ANY(%s)", [going])
    is_done = len(found) < asked.most or not going
    return Batch(removed=Counter({"stored answers": len(going)}), after=None if is_done else found[-1][0])
