"""Keeping a lease alive while an external call lasts, at most to the step's timeout."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DatabaseError, connection

from orchestration.conf import engine_settings
from orchestration.engine.claims import Claim, renew_lease

logger = logging.getLogger(__name__)


@contextmanager
def renewed(claim: Claim, timeout: float) -> Iterator[None]:
    """Renew a claim's lease from a thread of its own, until the block ends or `timeout` seconds have passed.

    A worker frozen as a whole renews nothing, so its lease runs out and another may take over.
    """
    lease = engine_settings().LEASE_SECONDS
    ended = threading.Event()
    thread = threading.Thread(target=_keep, args=(claim, lease, timeout, ended), name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()


def _keep(claim: Claim, lease: float, timeout: float, ended: threading.Event) -> None:
    stop_at = time.monotonic() + timeout
    try:
        while not ended.wait(lease / 3):
            remaining = stop_at - time.monotonic()
            try:
                if remaining <= 0 or not renew_lease(claim, lease=min(lease, remaining + lease / 3)):
                    return
            except DatabaseError as error:
                # It may be back before the lease has run out; if it is not, the fencing token protects the rest.
                logger.warning("lease of step row %s could not be renewed: %s", claim.row_id, error)
                connection.close()
    finally:
        connection.close()
