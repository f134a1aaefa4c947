"""The customers: they order by the plan's clock, over HTTP, and ask again with the same key until they know.

Every request stands in the journal before it is sent.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import threading
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tests.chaos.clock import PlanClock
from tests.chaos.journal import Entry, Journal, is_definite
from tests.chaos.orders import PlannedOrder

ANSWER_WITHIN = 6.0
"""Seconds a customer waits for an answer before asking again."""
ASK_AGAIN_AFTER = (0.3, 0.6, 1.2, 2.0)
CUSTOMERS = 32
"""At once. More would only queue in the web server."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer; status 0 when none came."""

    status: int
    body: bytes = b""
    replayed: bool = False


class Driver:
    """Sends orders, cancellations and repetitions from a pool of threads."""

    def __init__(self, url: str, journal: Journal) -> None:
        self._url, self._journal = urlsplit(url), journal
        self._pool = ThreadPoolExecutor(CUSTOMERS, thread_name_prefix="customer")
        self._stopping = threading.Event()
        self._open: list[Future[None]] = []

    def send(self, orders: Iterable[PlannedOrder], clock: PlanClock) -> None:
        """Send orders at their times; returns when the last was sent, not when it was answered."""
        for order in orders:
            if not clock.wait_until(order.at, stopping=self._stopping):
                return
            self._open.append(self._pool.submit(self._place, order))

    def unanswered(self) -> int:
        """How many customers still wait, or have things to say."""
        return sum(not future.done() for future in self._open)

    def errors(self) -> list[BaseException]:
        """What went wrong in the customers themselves."""
        return [e for future in self._open if future.done() and (e := future.exception()) is not None]

    def stop(self) -> None:
        """No more requests."""
        self._stopping.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _place(self, order: PlannedOrder) -> None:
        body = json.dumps(request_of(order)).encode()
        attempt, entry = 1, self._ask(order, body, 1)
        while not is_definite(entry):
            if self._stopping.wait(ASK_AGAIN_AFTER[min(attempt, len(ASK_AGAIN_AFTER)) - 1]):
                return
            attempt += 1
            entry = self._ask(order, body, attempt)
        if order.repeats:
            self._ask(order, body, attempt + 1)
        if order.cancel_after is not None and entry.order and not self._stopping.wait(order.cancel_after):
            self._cancel(order, entry.order)

    def _ask(self, order: PlannedOrder, body: bytes, attempt: int) -> Entry:
        names: dict[str, Any] = {"key": order.key, "reference": order.reference, "attempt": attempt}
        self._journal.write("intent", **names)
        reply = self._post("/api/orders", body, {"Idempotency-Key": f'"{order.key}"'})
        accepted = 200 <= reply.status < 300
        return self._journal.write(
            "answer",
            **names,
            status=reply.status,
            order=json.loads(reply.body)["id"] if accepted else "",
            replayed=reply.replayed,
            digest=hashlib.sha256(reply.body).hexdigest() if accepted else "",
        )

    def _cancel(self, order: PlannedOrder, order_id: str) -> None:
        body = json.dumps({"reason": "The customer changed their mind."}).encode()
        for attempt in range(1, 1000):
            reply = self._post(f"/api/orders/{order_id}/cancel", body, {})
            entry = self._journal.write(
                "cancelled", key=order.key, reference=order.reference, attempt=attempt, status=reply.status
            )
            if is_definite(entry) or self._stopping.wait(ASK_AGAIN_AFTER[-1]):
                return

    def _post(self, path: str, body: bytes, headers: dict[str, str]) -> Reply:
        link = http.client.HTTPConnection(self._url.hostname or "", self._url.port, timeout=ANSWER_WITHIN)
        try:
            link.request("POST", path, body, {"Content-Type": "application/json", **headers})
            answer = link.getresponse()
            return Reply(answer.status, answer.read(), answer.headers.get("Idempotent-Replayed") == "true")
        except (OSError, http.client.HTTPException):
            return Reply(0)
        finally:
            link.close()


def request_of(order: PlannedOrder) -> dict[str, Any]:
    """An order as the API takes it."""
    request: dict[str, Any] = {
        "reference": order.reference,
        "customer": {"name": "Ada Lovelace", "email": f"{order.reference.lower()}@example.com"},
        "ship_to": {
            "name": "Ada Lovelace", "line1": "12 St James Square", "city": "London", "country": "UK",
        },
        "card": order.card,
        "lines": [{"sku": sku, "quantity": quantity} for sku, quantity in order.lines],
    }  # fmt: skip
    return request | ({"carrier": order.carrier} if order.carrier else {})
