"""Queues that nobody takes: a probe that never comes back, and no worker that says it listens there.

A saga whose next step lies in such a queue would wait for ever, and nothing would be wrong with it. A queue that is only long has a
worker, and a worker that does not answer says nothing: in doubt nobody is told.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from orchestration.core.planning.kinds import IncidentKind
from orchestration.engine.database.connection import transaction
from orchestration.engine.incidents.opening import close, open_incident
from orchestration.engine.messages.transport import transport
from orchestration.models import Incident, Saga

SILENT_PROBES = 12
"""So many unanswered probes are sent within about two minutes."""
ASK_EVERY = 60.0
"""Seconds between two questions to all workers, which take a second each."""
MOST_SAGAS = 50
"""Incidents that one queue opens at a time: whoever mends it for these mends it for all."""
KIND = IncidentKind.QUEUE_UNTAKEN

_asked_at = -ASK_EVERY


def tell_of_untaken(silent: Iterable[str]) -> int:
    """Open an incident at the sagas that wait for queues which no worker takes. Part of a sweep; opens a transaction.

    Args:
        silent: queues whose probes have not been answered for long.

    Returns:
        How many sagas it concerns.
    """
    global _asked_at
    queues = set(silent)
    if not queues or time.monotonic() < _asked_at + ASK_EVERY:
        return 0
    _asked_at = time.monotonic()
    taken = transport().queues_taken()
    if not taken:
        return 0
    concerned = 0
    for queue in sorted(queues - taken):
        with transaction.atomic():
            waiting = Saga.objects.filter(awaits_queue=queue, ended_at=None, paused=False)
            for saga in waiting.order_by("created_at")[:MOST_SAGAS]:
                open_incident(saga, KIND, message=_told(queue))
                concerned += 1
    return concerned


def close_untaken(queue: str) -> None:
    """Close what was told of a queue: a probe has come through it. One query where nothing was."""
    told = Incident.objects.filter(kind=KIND, message=_told(queue), resolved_at=None)
    if told.exists():  # an update that finds nothing costs more than to look
        close(told, by="engine", resolution="A worker takes the queue again.")


def _told(queue: str) -> str:
    return f"no worker takes the queue {queue!r}"
