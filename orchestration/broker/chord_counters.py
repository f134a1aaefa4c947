"""The result backend: it counts the branches of chords, and listens for nobody's result.

Celery's keeps what each branch returned, and joins it for the body. The body of each of our chords takes no results, so to count is
enough: one round trip for a branch, and one more for the last.

Celery's subscribes to the results of every group that a process sends, and unsubscribes when they are garbage. Nothing here
waits for a result; but garbage is collected in whichever thread happens to be running, so a request's thread would talk to
Redis, and wait for one that is slow or away.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from celery import maybe_signature
from celery.backends import redis
from celery.exceptions import ChordError
from celery.states import PROPAGATE_STATES
from kombu.utils.encoding import bytes_to_str

logger = logging.getLogger("celery.backends.redis")
"""Celery's own: `orchestration.broker.chord_log` takes out of it what is no error."""

_Listener: Any = vars(redis)["ResultConsumer"]  # its type stubs leave it out


class DeafListener(_Listener):  # type: ignore[misc]  # Celery's has no types
    """Opens no connection. `AsyncResult.get()` would never see a result."""

    def start(self, *_: Any, **__: Any) -> None:
        """Do nothing."""

    def consume_from(self, *_: Any) -> None:
        """Do nothing."""

    def cancel_for(self, *_: Any) -> None:
        """Do nothing."""

    def on_after_fork(self) -> None:
        """Do nothing: there is no connection that a fork could share."""


class ChordCounters(redis.RedisBackend):
    """Redis as the counter of chords."""

    ResultConsumer = DeafListener
    app: Any
    client: Any
    chord_expires: float | None
    LONGEST = 86_400.0
    """Seconds for which a count is kept where the settings name no limit."""

    def set_chord_size(self, group_id: str, chord_size: int) -> None:
        """Celery's, with one round trip instead of two."""

        def set_it() -> None:
            with self.client.pipeline() as pipe:
                pipe.delete(self._key(group_id, ".c"))
                pipe.set(self._key(group_id, ".s"), chord_size, ex=self.chord_expires or None)
                pipe.execute()

        self.ensure(set_it, ())

    def on_chord_part_return(self, request: Any, state: str, result: Any, *args: Any, **kwargs: Any) -> None:
        """Count a branch that has ended; the last one sends the body, or if any has failed has its error callbacks called.

        A branch that ends a second time, because its message came again, is counted once; if it does while the body is being sent,
        the body is sent twice, and claimed once. If the body takes results, all is Celery's.
        """
        if not request.group or not request.id or not _takes_no_results(request.chord):
            super().on_chord_part_return(request, state, result, *args, **kwargs)
            return
        # In Celery's own words, which `orchestration.broker.chord_log` reads.
        failure = f"Dependency {request.id} raised {result!r}" if state in PROPAGATE_STATES else ""
        size, failures = self._count(request.group, request.id, failure)
        if size is None:
            # The chord has ended: this one came again, and nobody else would take away what it has noted.
            self.client.delete(self._key(request.group, ".e"))
            return
        if len(failures) < size:
            return
        try:
            self._end(request, next((failure for failure in failures if failure), ""))
        finally:
            self.client.delete(self._key(request.group, ".s"), self._key(request.group, ".e"))

    def _count(self, group: str, branch: str, failure: str) -> tuple[int | None, list[str]]:
        """Note that a branch has ended: how many there are (None: the chord has ended), and of each that has how it failed, if so."""
        ended = self._key(group, ".e")
        # In a transaction: of two that end at the same moment only one may see both.
        with self.client.pipeline(transaction=True) as pipe:
            pipe.hset(ended, branch, failure)
            pipe.expire(ended, int(self.chord_expires or self.LONGEST))
            pipe.hvals(ended)
            pipe.get(self._key(group, ".s"))
            *_, failures, size = pipe.execute()
        return (None if size is None else int(size)), [bytes_to_str(each) for each in failures]

    def _end(self, request: Any, failure: str) -> None:
        body: Any = maybe_signature(dict(request.chord), app=self.app)
        if failure:
            self._fail(request.group, body, ChordError(failure))
            return
        try:
            self.app.amqp._retry_publish(body.delay)
        except Exception as error:  # whatever the broker's client raises
            self._fail(request.group, body, ChordError(f"Callback error: {error!r}"))

    def _fail(self, group: str, body: Any, error: ChordError) -> None:
        try:
            raise error  # Celery reads the traceback of what is being handled
        except ChordError:
            logger.exception("Chord %r raised: %r", group, error)
            self.chord_error_from_stack(body, error)

    def _key(self, group: str, what: str) -> Any:
        return self.get_key_for_group(group, what)


def _takes_no_results(body: Mapping[str, Any] | None) -> bool:
    """Whether the body of a chord is an immutable task, or a chain that begins with one."""
    if body and body.get("subtask_type") == "chain":
        return _takes_no_results(next(iter(body["kwargs"]["tasks"]), None))
    return bool(body and body.get("immutable") and not body.get("subtask_type"))
