"""Killing a worker on purpose: what the demo corner asks for, and what it remembers of it for the order's page.

The project says who does it (setting `ORDERLY_DEMO_KILL_WORKER`); the shop knows nothing of processes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from django.utils.module_loading import import_string

SESSION_KEY = "demo_deaths"
REMEMBERED = 10
"""Deaths kept in a session; the oldest are forgotten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KilledWorker:
    """A worker that was at a step of an order, and is dead."""

    name: str
    """As `manage.py status` calls it, e.g. `worker1`."""
    pid: int
    step: str
    """The step it was at, e.g. `payments.authorize`."""


class KillRefused(Exception):
    """No worker was killed; the message says why, for people."""


Killer = Callable[[UUID], KilledWorker]
"""Kills the worker that is at a step of this order. Raises KillRefused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """What the order's page tells of it."""

    worker: str
    pid: int
    step: str
    at: datetime


def kill_worker_of(order_id: UUID) -> KilledWorker:
    """Kill the worker that is at a step of this order.

    Raises:
        KillRefused: nobody may be killed here, or nobody held a step of it for long enough.
    """
    path = getattr(settings, "ORDERLY_DEMO_KILL_WORKER", "")
    if not path:
        raise KillRefused("Here, no worker may be killed: the setting ORDERLY_DEMO_KILL_WORKER is empty.")
    killer: Killer = import_string(path)
    return killer(order_id)


def remember_death(request: HttpRequest, order_id: UUID, killed: KilledWorker) -> None:
    """Keep it in the session, for the page of this order."""
    deaths = _deaths(request)
    deaths[str(order_id)] = [killed.name, killed.pid, killed.step, timezone.now().isoformat()]
    request.session[SESSION_KEY] = dict(list(deaths.items())[-REMEMBERED:])


def death_at(request: HttpRequest, order_id: UUID) -> Death | None:
    """The worker this browser had killed at this order, if any."""
    match _deaths(request).get(str(order_id)):
        case [str(worker), int(pid), str(step), str(at)]:
            return Death(worker=worker, pid=pid, step=step, at=datetime.fromisoformat(at))
    return None


def _deaths(request: HttpRequest) -> dict[str, Any]:
    kept = request.session.get(SESSION_KEY)
    return dict(kept) if isinstance(kept, dict) else {}
