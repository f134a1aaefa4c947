"""How every Celery task of the engine, and of a step, is to be run: whatever the project's own base Task says for its others."""

from __future__ import annotations

from typing import Any

OWN: dict[str, Any] = {
    # A killed pool child's message comes back at once; deliveries are counted in the row, so a step that kills its worker again and
    # again is given up all the same.
    "acks_late": True,
    "reject_on_worker_lost": True,
    # When a step is tried again is written in its row: a retry of Celery's would come beside that one.
    "autoretry_for": (),
    # A message is as long on its way as it is, and one that has run out is none of ours.
    "expires": None,
}
