"""Placing the basket's order at most once, however often and from how many tabs the button is pressed.

The session keeps a checkout key beside the basket; it is the idempotency key of the order that will come of it.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import reverse

from orders.errors import KeyInUse, KeyReused
from orders.models import IdempotencyKey, Order
from orders.services.idempotency import Answer, answer_once
from orders.services.placing import place_order
from orders.services.requests import PlaceOrder

SESSION_KEY = "checkout_key"
LONGEST_WAIT = 5.0
"""Seconds to wait for the same order being placed by another click; placing takes some 20 milliseconds."""


class TotalChanged(Exception):
    """A price changed between the look at the basket and the order; nothing was placed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """The order that belongs to a checkout key."""

    location: str
    """Address of its page."""
    fingerprint: str
    """Of the basket it was placed from."""
    is_same_request: bool
    """False when what was sent now differs from what that order was placed with."""


def checkout_key(request: HttpRequest) -> str:
    """The key of the order this basket will become; made on first need."""
    key = request.session.get(SESSION_KEY)
    if not isinstance(key, str) or not is_key(key):
        key = request.session[SESSION_KEY] = str(uuid.uuid4())
    return key


def forget_checkout_key(request: HttpRequest) -> None:
    """The next checkout is another order."""
    request.session.pop(SESSION_KEY, None)


def is_key(text: str) -> bool:
    """Whether a text has the form of our keys."""
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def placed_before(*, customer: str, key: str, request_hash: str = "") -> Placed | None:
    """The order already placed with this key, if there is one."""
    stored = IdempotencyKey.objects.filter(principal=customer, key=key).first()
    if stored is None:
        return None
    return _placed(
        location=stored.location, body=stored.body, is_same_request=stored.request_hash == request_hash
    )


def place_once(
    *, customer: str, key: str, request_hash: str, order: PlaceOrder, total_minor: int, fingerprint: str
) -> Placed:
    """Place the order, or find the one that this key has placed already.

    Guarantees: opens one transaction; idempotent by (customer, key); when it raises, nothing was written. Waits for
    another request with the same key, at most `LONGEST_WAIT` seconds.

    Raises:
        InvalidOrder: the order cannot be placed, and why.
        TotalChanged: it would cost something else than `total_minor`.
        KeyInUse: the other request is still at it.
    """

    def act() -> Answer:
        placed = place_order(request=order, principal=customer).order
        if placed.total_minor != total_minor:
            raise TotalChanged(TotalChanged.__doc__)
        return Answer(status_code=201, body=_body(placed, fingerprint), location=_page_of(placed))

    try:
        answer = _when_free(
            lambda: answer_once(principal=customer, key=key, request_hash=request_hash, act=act)
        )
    except KeyReused:
        placed = placed_before(customer=customer, key=key, request_hash=request_hash)
        if placed is None:
            raise
        return placed
    return _placed(location=answer.location, body=answer.body, is_same_request=True)


def _when_free(ask: Callable[[], Answer]) -> Answer:
    deadline = time.monotonic() + LONGEST_WAIT
    while True:
        try:
            return ask()
        except KeyInUse:
            if time.monotonic() > deadline:
                raise
        # The lock refuses instead of queueing, so a second click looks again until the first has its answer.
        time.sleep(0.1)


def _page_of(order: Order) -> str:
    return reverse("orders:order", args=[order.id])


def _body(order: Order, fingerprint: str) -> str:
    return json.dumps({"order_id": str(order.id), "basket": fingerprint})


def _placed(*, location: str, body: str, is_same_request: bool) -> Placed:
    return Placed(location=location, fingerprint=json.loads(body)["basket"], is_same_request=is_same_request)
