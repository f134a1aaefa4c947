"""Faults that kill nobody: a frozen worker, a gateway that is silent, messages twice and in disorder, odd webhooks."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from random import Random
from uuid import UUID

import psutil
from django.db import DatabaseError, connection

from orchestration.conf import engine_settings
from orchestration.core.planning.states import StepState
from orchestration.models import SagaEvent, SagaStep
from payments.conf import GATEWAY
from shipping.conf import carrier_secrets
from shipping.standard_webhooks import sign
from tests.chaos.queues import Queues
from tests.chaos.servers import FILL_TO, Servers
from tests.chaos.stage import Stage
from tests.chaos.strikes import NoEvidence, Strike, wait_until
from tests.chaos.victims import Held, Victims, is_in_transaction

LOOKED_FOR = 25.0
"""Seconds to find a worker in the middle of a call to a provider."""
TAKEN_OVER_WITHIN = 60.0
REFUSED_WITHIN = 25.0
COPIES_AGAIN_AFTER = 3.0
"""Seconds: by then the first copies have been dealt with, and these come late."""
PARCELS = 8


class Disturbing:
    """Carries out the faults that kill nobody."""

    def __init__(
        self, stage: Stage, victims: Victims, queues: Queues, servers: Servers, stopping: threading.Event
    ) -> None:
        self._stage, self._victims, self._queues, self._servers = stage, victims, queues, servers
        self._stopping = stopping

    def zombie(self, strike: Strike) -> None:
        """Freeze a process in the middle of an external call until its claim was taken over; then wake it."""
        victim = self._victims.catch(
            lambda victim: not is_in_transaction(victim.process), seconds=LOOKED_FOR, doing=_is_external
        )
        if victim is None:
            raise NoEvidence("no process was found in the middle of a call to a provider")
        held = victim.held[0]
        self._victims.reserved.add(victim.process.pid)
        began = time.time()
        long_enough = time.monotonic() + 2 * engine_settings().LEASE_SECONDS
        try:
            self._wait(lambda: _is_taken_over(held, or_fenced_off=time.monotonic() > long_enough),
                       f"{held.step} of {held.reference} is taken over", seconds=TAKEN_OVER_WITHIN)  # fmt: skip
            if victim.process.status() != psutil.STATUS_STOPPED:
                raise NoEvidence(f"process {victim.process.pid} was not frozen all the time")
            frozen = time.time() - began
            victim.process.resume()
            # Nobody may kill it before it has tried.
            self._wait(lambda: _was_refused(held.saga, held.step, held.token), "its stale token was refused",
                       seconds=REFUSED_WITHIN)  # fmt: skip
        finally:
            with contextlib.suppress(psutil.Error):
                victim.process.resume()
            self._victims.reserved.discard(victim.process.pid)
        strike.evidence = f"{held.step} of {held.reference} was frozen, taken over within {frozen:.0f} s, and refused when it woke"

    def black_hole(self, strike: Strike) -> None:
        """The gateway takes connections and says nothing, for twice as long as anybody waits."""
        gateway = psutil.Process(self._stage.keeper.pids()["gateway"])
        gateway.suspend()
        try:
            self._stopping.wait(2 * GATEWAY.timeout)
            was_silent = gateway.status() == psutil.STATUS_STOPPED
        finally:
            gateway.resume()
        since = datetime.fromtimestamp(strike.began, UTC)
        tried = SagaEvent.objects.filter(kind="step_retry", step__startswith="payments.", at__gte=since)
        self._wait(tried.exists, "somebody had no answer from the gateway")
        if not was_silent:
            raise NoEvidence("the gateway was not frozen all the time")
        strike.evidence = f"{tried.count()} calls were left without an answer"

    def duplicate(self, strike: Strike) -> None:
        """Copy every message that waits, and all of them once more a while later."""
        with self._servers.workers_frozen(enough=lambda waiting: sum(waiting) >= FILL_TO):
            again = self._queues.double()
        self._stopping.wait(COPIES_AGAIN_AFTER)
        if not (copies := again()):
            raise NoEvidence("no message waited")
        strike.evidence = f"{copies} messages were copied, twice"

    def reorder(self, strike: Strike) -> None:
        """Shuffle what waits."""
        with self._servers.workers_frozen(enough=lambda waiting: max(waiting) >= 2):
            moved = self._queues.shuffle(Random(strike.fault.pick))
        if not moved:
            raise NoEvidence("too few messages waited")
        strike.evidence = f"{moved} messages changed places"

    def webhooks(self, strike: Strike) -> None:
        """Tell the news of parcels early, twice, and long after; each with the carrier's own id and signature."""
        ledger = str(self._stage.folder.ledger("carrier"))
        self._wait(lambda: bool(_parcels(ledger)), "the carrier has parcels", seconds=LOOKED_FOR)
        self._wait(lambda: self._stage.keeper.is_ready("web"), "the site answers", seconds=LOOKED_FOR)
        known = _parcels(ledger)
        chosen = Random(strike.fault.pick).sample(known, min(PARCELS, len(known)))
        answers = [self._tell(*parcel) for parcel in chosen for _ in range(2)]
        taken = sum(200 <= status < 300 for status in answers)
        if not taken:
            raise NoEvidence(f"the site took no news of {len(chosen)} parcels: {answers}")
        strike.evidence = f"{len(answers)} webhooks were sent again or early, {taken} taken"

    def _tell(self, label: str, event: str, order: str, leaves_at: float) -> int:
        at = datetime.fromtimestamp(leaves_at, UTC).isoformat()
        body = json.dumps({"id": event, "type": "dispatched", "label_id": label, "order_id": order, "at": at})
        now = int(time.time())
        signature = sign(secret=carrier_secrets()[0], event_id=event, timestamp=now, body=body.encode())
        headers = {"webhook-id": event, "webhook-timestamp": str(now), "webhook-signature": signature}
        request = urllib.request.Request(  # noqa: S310 - our own loopback address
            f"{self._stage.web_url}/hooks/carrier", body.encode(), headers, method="POST"
        )
        try:
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(request, timeout=5) as answer:
                status: int = answer.status
                return status
        except urllib.error.HTTPError as error:
            error.close()
            return error.code
        except OSError:
            return 0

    def _wait(self, condition: Callable[[], bool], what: str, *, seconds: float = 15.0) -> None:
        def safely() -> bool:
            try:
                return condition()
            except DatabaseError:  # another fault has cut us off
                connection.close()
                return False

        wait_until(safely, what, seconds=seconds, stopping=self._stopping)


def _is_external(held: Held) -> bool:
    return held.task.startswith(("payments.", "shipping.create_label"))


def _is_taken_over(held: Held, *, or_fenced_off: bool) -> bool:
    """Whether somebody else has claimed a step, or at least nobody may record it any more under the old token."""
    rows = SagaStep.objects.filter(saga_id=held.saga, name=held.step, direction=held.direction)
    newest, state = rows.order_by("-generation").values_list("token", "state")[0]
    return newest > held.token and (or_fenced_off or state != StepState.PENDING.value)


def _was_refused(saga: UUID, step: str, token: int) -> bool:
    told = SagaEvent.objects.filter(saga_id=saga, step=step, kind__in=["late_result", "late_failure"])
    return told.filter(data__token=token).exists()


def _parcels(ledger: str) -> list[tuple[str, str, str, float]]:
    with closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True, timeout=5)) as link:
        rows = link.execute(
            "SELECT label_id, event_id, order_id, leaves_at FROM dispatches ORDER BY label_id"
        )
        return rows.fetchall()
