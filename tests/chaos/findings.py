"""What there is in the end: rows of our database, the providers' own ledgers, the workers' logs."""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from config.system.boot.paths import DataFolder
from orchestration.models import Incident, Saga, SagaEvent
from orders.models import Order
from orders.sagas import FULFIL_ORDER
from tests.chaos.judge import Found, Recovery
from tests.chaos.strikes import Strike

_RECEIVED = re.compile(r"Task \S+\[([0-9a-f-]{36})\] received")

_EFFECTS = {
    "gateway": "SELECT order_id, kind, count(*) FROM effects WHERE kind <> 'authorization' AND kind <> 'void' GROUP BY 1, 2",
    "carrier": "SELECT order_id, 'label', count(*) FROM labels GROUP BY 1, 2",
}
"""What may happen once for an order. A back-order may be authorized anew, so that is left to `verify`."""


def find_orders(folder: DataFolder) -> list[Found]:
    """Every order there is."""
    sagas: dict[str, list[Saga]] = {}
    for saga in Saga.objects.filter(definition=FULFIL_ORDER):
        sagas.setdefault(saga.business_key, []).append(saga)
    incidents: dict[str, set[tuple[str, str]]] = {}
    for incident in Incident.objects.filter(resolved_at=None).select_related("saga"):
        incidents.setdefault(incident.saga.business_key, set()).add((incident.kind, incident.step))
    effects = _effects(folder)
    return [
        _found(order, sagas.get(key, []), effects.get(key, {}), frozenset(incidents.get(key, ())))
        for order in Order.objects.all()
        for key in [str(order.pk)]
    ]


def find_recoveries(strikes: Iterable[Strike]) -> tuple[list[Recovery], list[str]]:
    """For each claim that a killed process held, the time until its step was heard of again; and what never was."""
    recoveries, violations = [], []
    for strike in strikes:
        for held in strike.held if strike.struck and strike.evidence else ():
            later = SagaEvent.objects.filter(saga_id=held.saga, seq__gt=held.seq).order_by("seq")
            entry = later.filter(step=held.step).first() or later.first()
            what = f"{held.step} of {held.reference}, by {strike.fault.kind} {strike.fault.number}"
            if entry is None:
                violations.append(f"nothing was heard of {what} since")
            else:
                recoveries.append(Recovery(max(0.0, entry.at.timestamp() - strike.struck), what))
    return recoveries, violations


def duplicates_seen(logs: Iterable[Path]) -> int:
    """How many task ids workers have received more than once."""
    received: Counter[str] = Counter()
    for log in logs:
        with log.open(errors="replace") as lines:
            received.update(match[1] for line in lines if (match := _RECEIVED.search(line)))
    return sum(times > 1 for times in received.values())


def stale_results_refused() -> int:
    """How many results came home under a token that was no longer the newest."""
    return SagaEvent.objects.filter(kind__in=["late_result", "late_failure"]).count()


def _found(
    order: Order, sagas: list[Saga], effects: dict[str, int], incidents: frozenset[tuple[str, str]]
) -> Found:
    failure = (sagas[0].failure or {}) if sagas else {}
    ended = sagas[0].ended_at or sagas[0].updated_at if sagas else order.placed_at
    return Found(
        reference=order.reference,
        order=str(order.pk),
        status=order.status,
        sagas=tuple(saga.state for saga in sagas),
        failure=failure.get("kind", ""),
        failed_step=failure.get("step") or "",
        effects=effects,
        incidents=incidents,
        lived=(order.placed_at.timestamp(), ended.timestamp()),
    )


def _effects(folder: DataFolder) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for service, sql in _EFFECTS.items():
        address = f"{folder.ledger(service).resolve().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=5)) as ledger:
            for order, what, times in ledger.execute(sql):
                found.setdefault(order, {})[what] = times
    return found
