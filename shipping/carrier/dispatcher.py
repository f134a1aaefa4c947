"""Tells the shop that parcels have left: signed webhooks, repeated with back-off until the shop answers 2xx.

What is due stands in the ledger, so a restart forgets nothing. The same event keeps its id over all attempts.
"""

from __future__ import annotations

import http.client
import json
import random
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from shipping.carrier.ledger import Ledger
from shipping.standard_webhooks import sign

TIMEOUT_SECONDS = 5.0
"""For one attempt. The shop only writes a row before it answers."""

FIRST_DELAY = 0.25
LONGEST_DELAY = 30.0
"""Seconds between attempts: soon at first (the label may not be recorded yet), and never far apart after an outage."""

AT_ONCE = 4
"""Attempts side by side, so that one slow answer does not hold up the others."""


class Dispatcher(threading.Thread):
    """A thread that lives as long as the carrier."""

    def __init__(self, ledger: Ledger, *, web_url: str, secret: bytes) -> None:
        super().__init__(name="dispatcher", daemon=True)
        self._ledger = ledger
        self._secret = secret
        self._address = urlsplit(web_url.rstrip("/") + "/hooks/carrier")
        if self._address.scheme not in ("http", "https") or not self._address.hostname:
            raise ValueError(f"ORDERLY_WEB_URL: {web_url!r} is not an http(s) address")
        self._something_to_do = threading.Event()
        self._stopping = False

    def wake(self) -> None:
        """A label was made: look again when the next parcel leaves."""
        self._something_to_do.set()

    def stop(self) -> None:
        """End after the attempts that are under way."""
        self._stopping = True
        self.wake()

    def run(self) -> None:
        """Tell what is due, then rest until the next is."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            while not self._stopping:
                # Cleared before looking: a label made while we look wakes us again.
                self._something_to_do.clear()
                try:
                    rest = self._tell_what_is_due(pool)
                except sqlite3.Error:
                    # A full disk must not end the thread: what is due is still due when there is room again.
                    rest = 1.0
                if rest > 0:
                    self._something_to_do.wait(min(rest, 60.0))

    def _tell_what_is_due(self, pool: ThreadPoolExecutor) -> float:
        """Make one attempt for each; returns the seconds until there is something to do again."""
        due = self._ledger.due_dispatches(now=time.time(), limit=8 * AT_ONCE)
        list(pool.map(self._tell, due))
        next_at = self._ledger.next_dispatch_at()
        return 60.0 if next_at is None else max(next_at - time.time(), 0.0)

    def _tell(self, dispatch: dict[str, Any]) -> None:
        if self._stopping:
            return
        if 200 <= self._post(dispatch) < 300:
            self._ledger.dispatch_told(dispatch["label_id"])
            return
        bound = min(LONGEST_DELAY, FIRST_DELAY * 2 ** min(dispatch["attempts"], 10))
        self._ledger.dispatch_failed(
            dispatch["label_id"], next_at=time.time() + random.uniform(bound / 2, bound)
        )

    def _post(self, dispatch: dict[str, Any]) -> int:
        """The status of the answer; 0 when there was none. Redirects are not followed: they are a failure."""
        event_id, timestamp = dispatch["event_id"], int(time.time())
        body = json.dumps(
            {
                "id": event_id,
                "type": "dispatched",
                "label_id": dispatch["label_id"],
                "order_id": dispatch["order_id"],
                "at": datetime.fromtimestamp(dispatch["leaves_at"], UTC).isoformat(),
            }
        ).encode()
        headers = {
            "Content-Type": "application/json",
            "webhook-id": event_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": sign(secret=self._secret, event_id=event_id, timestamp=timestamp, body=body),
        }
        kind = http.client.HTTPSConnection if self._address.scheme == "https" else http.client.HTTPConnection
        connection = kind(self._address.hostname or "", self._address.port, timeout=TIMEOUT_SECONDS)
        try:
            connection.request("POST", self._address.path, body, headers)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()
