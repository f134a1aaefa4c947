"""What stands behind a step in its Celery chain, and what becomes of it once the step is done.

Celery sends the next link itself, after the task has returned, from what is left in the request. So carrying on is leaving it
there, and stopping is taking it away.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from orchestration.broker.canvas import ADVANCE
from orchestration.broker.client_errors import BROKER_ERRORS
from orchestration.broker.stamps import send_link
from orchestration.engine.flow.advance import advance
from orchestration.engine.messages.transport import knock

logger = logging.getLogger(__name__)


class Links:
    """The rest of one task's chain."""

    def __init__(self, request: Any) -> None:
        self._request = request
        self._links: list[Any] = request.chain or []  # the next one last

    @property
    def next_step(self) -> str | None:
        """The step behind it, if that is a step."""
        step: str | None = self._links[-1]["kwargs"].get("step") if self._links else None
        return step

    def stop(self) -> None:
        """Send nothing. Otherwise every duplicate would send the rest of the chain again."""
        self._request.chain = None
        self._request.callbacks = None

    def carry_on(self, saga_id: UUID, *, without: Iterable[str] = ()) -> None:
        """Have the next link sent, or ask in place what is next where that is all that is left.

        Args:
            saga_id: whose chain it is.
            without: steps that were done in place, in their order. Where they did not go the chain's way (branches, one after the
                other) the rest of it is no longer what comes next, and the rows are asked.
        """
        for step in without:
            if self.next_step != step:
                self._ask_in_place(saga_id)
                return
            self._links.pop()
        if not self._links:
            return  # within a chord, or the last of a canvas that has no question behind it
        if len(self._links) == 1 and self._links[0]["task"] == ADVANCE:
            self._ask_in_place(saga_id)
        elif self._request.chord is None and self._request.group is None:
            self._send_next()

    def _send_next(self) -> None:
        """Send the next link at once, as Celery would after the task has returned, but without building it anew."""
        try:
            sent = send_link(
                self._links, parent_id=self._request.id, root_id=self._request.root_id, retry=False
            )
        except BROKER_ERRORS:
            return  # Celery tries again, and says so if that fails as well
        if sent:
            self._request.chain = None

    def _ask_in_place(self, saga_id: UUID) -> None:
        """Ask what is next, and save a trip through the broker."""
        try:
            advance(saga_id)
        except Exception:
            # The step is recorded. What went wrong behind it must not make it look failed.
            logger.warning("saga %s: what is next is asked by message", saga_id, exc_info=True)
            if not (self._links and self._links[0]["task"] == ADVANCE):
                knock(saga_id)
                self.stop()
                return
            del self._links[1:]
            return
        self.stop()
