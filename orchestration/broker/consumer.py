"""What a worker does with messages before it runs them: those that cannot be taken in are set aside as dead letters.

Celery discards an unknown task or a body it cannot decode, telling only the log, and one whose body is JSON of another
shape ends the whole worker, which is then started again and meets the same message. Here each is written down first,
by a thread with a database connection of its own, and acknowledged afterwards: no database work in the consumer's loop.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import wraps
from queue import Empty, SimpleQueue
from typing import Any
from uuid import UUID

from celery.worker.consumer import Consumer
from celery.worker.state import active_requests
from django.db import Error as DatabaseError
from kombu.exceptions import ContentDisallowed
from vine import promise

from orchestration.broker.gossip import CarefulBlueprint
from orchestration.broker.unpacking import UnpacksTooLarge
from orchestration.broker.wire import fault_of_headers, fault_of_our_headers
from orchestration.conf import engine_settings
from orchestration.engine.database.connection import connection
from orchestration.engine.messages.dead_letters import Letter, letter_of, set_aside
from orchestration.engine.messages.seals import named_in
from orchestration.engine.steps.participants import participant_for
from orchestration.engine.steps.rights import end_leases

logger = logging.getLogger(__name__)

IDLE_SECONDS = 5.0
"""A writer with nothing to do closes its connection after so long, and its thread ends."""
TELL_EVERY = 0.2
"""Seconds between two messages to Flower, at work."""
MOST_REMEMBERED = 10_000
"""Messages that came back, of which the count is kept."""
RETRY_SECONDS = 1.0
"""Pause while the database is away; the message stays with the broker, unacknowledged."""


class CarefulConsumer(Consumer):
    """Celery's consumer, which loses no message it does not understand and is not ended by one."""

    Blueprint = CarefulBlueprint

    connection_errors: tuple[type[BaseException], ...]
    channel_errors: tuple[type[BaseException], ...]
    hub: Any
    _flush_events: Callable[[], None]
    _telling = False
    _redelivered: Counter[Any]
    """How often each message for the engine's own tasks has come back to this worker, by its id."""
    _cancelled: frozenset[str] = frozenset()
    """Ids of the tasks that were being run when this worker was told to go, and were not waited for any longer."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._redelivered = Counter()

    def create_task_handler(self, promise: Any = promise) -> Callable[[Any], Any]:
        """Celery's handler, with a look at each message before it, and a net below it."""
        take = super().create_task_handler(promise)
        transport = getattr(getattr(self, "connection", None), "transport", None)
        if transport is not None and hasattr(transport, "on_no_message"):  # ours for Redis
            transport.on_no_message = set_entry_aside

        def on_task_received(message: Any) -> Any:
            fault = self._fault_of(message) or self._comes_too_often(message)
            if fault is not None:
                return self._set_aside(message, *fault)
            try:
                return take(message)
            except (LookupError, TypeError, ValueError, AttributeError) as error:
                # Redis' transport counts a KeyError as a lost connection: a message without an id would have the
                # worker connect again and take the same message, for ever.
                return self._set_aside(message, "malformed", type(error).__name__)
            except (*self.connection_errors, *self.channel_errors):
                raise
            except Exception as error:  # whatever a message makes the protocol stumble over
                return self._set_aside(message, "malformed", type(error).__name__)

        return on_task_received

    def on_send_event_buffered(self) -> None:  # type: ignore[override]  # declared so, and called for nothing
        """Send what there is to tell several times a second, and not once for each task."""
        if self.hub and not self._telling:
            self._telling = True
            self.hub.call_later(TELL_EVERY, self._tell)

    def _tell(self) -> None:
        self._telling = False
        self._flush_events()

    def on_unknown_task(self, body: Any, message: Any, exc: BaseException) -> None:
        """A task nobody here has: of a newer deployment, of an older one, or somebody else's."""
        self._set_aside(message, "unknown_task", "")

    def on_unknown_message(self, body: Any, message: Any) -> None:
        """Something that is no task message at all."""
        self._set_aside(message, "malformed", "it is no task message")

    def on_invalid_task(self, body: Any, message: Any, exc: BaseException) -> None:
        """A message whose parts contradict the protocol, or whose content type is not taken."""
        refused = isinstance(exc, ContentDisallowed)
        self._set_aside(message, "refused_content" if refused else "malformed", str(message.content_type))

    def on_decode_error(self, message: Any, exc: BaseException) -> None:
        """A body that is not what its content type says, or not packed as it says."""
        if isinstance(exc, UnpacksTooLarge):
            return self._set_aside(message, "too_large", str(exc))
        refused = isinstance(exc, ContentDisallowed)
        self._set_aside(message, "refused_content" if refused else "undecodable", str(message.content_type))

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """Clean up after a broker that has gone, and connect again: whatever that cleaning stumbles over."""
        try:
            super().on_connection_error_after_connected(exc)
        except Exception as error:
            # With a message unacknowledged, kombu puts it back through the very connection that was lost; the error of
            # that is none that Celery expects, and would end the worker. The rows know what the message was about.
            logger.warning("the lost connection to the broker could not be closed: %r", error)

    def call_soon_ack(self, p: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Celery's, but an answer to a broker that has gone is no reason to end the worker."""
        return super().call_soon_ack(_unless_gone(p), *args, **kwargs)  # type: ignore[misc]  # not in the stubs

    def cancel_active_requests(self) -> None:
        """Celery's, which kills the pool's processes at work and forgets what they ran."""
        self._cancelled = frozenset(request.id for request in active_requests)
        super().cancel_active_requests()

    def shutdown(self) -> None:
        """End what was claimed by processes that this worker has killed, then let go of the broker.

        The pool has ended by now. Otherwise whoever gets those messages next would wait for leases that nobody holds.
        """
        held = self._cancelled | {request.id for request in active_requests}
        try:
            if ended := end_leases(held):
                logger.info("shutdown: gave back %s steps that were being run", ended)
        except DatabaseError as error:
            logger.warning("shutdown: the database is away, leases will run out: %s", str(error).strip())
        finally:
            connection.close()
        super().shutdown()

    def _fault_of(self, message: Any) -> tuple[str, str] | None:
        """What is wrong with a message: what Celery computes with, and for the engine's tasks what they take."""
        headers = message.headers or {}
        if (fault := fault_of_headers(headers, message.properties)) is not None:
            return "malformed", fault
        name = headers.get("task")
        if not (isinstance(name, str) and _is_ours(name)):
            return self._fault_of_older_protocol(message)
        if (fault := fault_of_our_headers(headers)) is not None:
            return "malformed", fault
        task = self.app.tasks.get(name)
        if task is None:
            return None
        # How long a task of ours may take is for the worker that runs it to say: with a message that says a millisecond, its
        # process would be killed each time.
        headers["timelimit"] = None
        most = engine_settings().MAX_MESSAGE_BYTES
        if len(message.body) > most:
            return "too_large", f"at most {most} bytes are taken"
        try:
            payload = message.decode()
        except Exception:
            return None  # Celery finds the same, and asks `on_decode_error` or `on_invalid_task`
        return _misfit(task, payload)

    def _fault_of_older_protocol(self, message: Any) -> tuple[str, str] | None:
        """Celery's first protocol has in the body what the second has in the headers; the engine never speaks it."""
        try:
            payload = message.decode()
        except Exception:
            return None  # as above
        if not isinstance(payload, dict):
            return None
        if (fault := fault_of_headers(payload)) is not None:
            return "malformed", fault
        if _is_ours(str(payload.get("task"))):
            return "malformed", "it speaks an older protocol than the engine does"
        return None

    def _comes_too_often(self, message: Any) -> tuple[str, str] | None:
        """Whether a message for one of the engine's own tasks keeps coming back: it kills the process that runs it.

        Those of a step are counted by its row. These have none, and would go round for ever.
        """
        headers, delivery = message.headers or {}, message.delivery_info or {}
        name, number = headers.get("task"), headers.get("id")
        if not delivery.get("redelivered") or not isinstance(name, str) or not _is_the_engines(name):
            return None
        if len(self._redelivered) >= MOST_REMEMBERED:
            self._redelivered.clear()
        self._redelivered[number] += 1
        if self._redelivered[number] <= engine_settings().MAX_CRASHES:
            return None
        return "kills_worker", f"it came back {self._redelivered[number]} times without an answer"

    def _set_aside(self, message: Any, reason: str, detail: str) -> None:
        headers = message.headers if isinstance(message.headers, dict) else {}
        letter = letter_of(
            queue=(message.delivery_info or {}).get("routing_key"),
            task=headers.get("task"),
            reason=reason,
            detail=detail,
            body=message.body,
            event=named_in(headers),
        )
        _writer.write(
            letter, lambda: self.call_soon_ack(message.ack_log_error, logger, self.connection_errors)
        )


def _unless_gone(answer: Callable[..., Any]) -> Callable[..., Any]:
    """The acknowledgement of a message, which says nothing where the connection it came by is closed."""

    @wraps(answer)
    def to_whoever_is_there(*args: Any, **kwargs: Any) -> Any:
        try:
            return answer(*args, **kwargs)
        except AttributeError as error:
            # What kombu raises for a closed connection is none of the errors that Celery expects. The message comes
            # again after the visibility timeout, and the rows refuse it.
            logger.warning("a message could not be acknowledged, its connection is closed: %r", error)
            return None

    return to_whoever_is_there


def set_entry_aside(queue: str, entry: Any, fault: str) -> None:
    """Keep an entry of a Redis list that is no message. It is taken from its list already; there is nothing to acknowledge."""
    letter = letter_of(queue=queue, task="", reason="malformed", detail=fault, body=entry)
    _writer.write(letter, lambda: None)


def _is_ours(name: str) -> bool:
    return _is_the_engines(name) or participant_for(name) is not None


def _is_the_engines(name: str) -> bool:
    """Whether a task is the engine's own: one that no row of a step counts."""
    if name.endswith(".settle"):
        return participant_for(name.removesuffix(".settle")) is not None
    return name.startswith("orchestration.") and participant_for(name) is None


def _misfit(task: Any, payload: Any) -> tuple[str, str] | None:
    match payload:
        case [list() as args, dict() as kwargs, dict() | None]:
            pass
        case _:
            return "malformed", "its body is not [arguments, keywords, embedded]"
    try:
        task.__header__(*args, **kwargs)
    except TypeError:
        return "malformed", "the arguments are not those of the task"
    if "saga" in kwargs:
        try:
            UUID(kwargs["saga"])
        except (ValueError, TypeError, AttributeError):
            return "malformed", "saga is no id"
    return None


class _Writer:
    """One thread that stores letters and then has them acknowledged, in this order."""

    def __init__(self) -> None:
        self._letters: SimpleQueue[tuple[Letter, Callable[[], Any]]] = SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def write(self, letter: Letter, then: Callable[[], Any]) -> None:
        with self._lock:
            self._letters.put((letter, then))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="dead-letters", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        try:
            while True:
                try:
                    letter, then = self._letters.get(timeout=IDLE_SECONDS)
                except Empty:
                    with self._lock:
                        if self._letters.empty():
                            self._thread = None
                            return
                    continue
                self._store(letter)
                then()
        finally:
            connection.close()

    def _store(self, letter: Letter) -> None:
        while True:
            try:
                set_aside(letter)
            except DatabaseError as error:
                logger.warning("dead letter: the database is away: %s", str(error).strip())
                connection.close()
                time.sleep(RETRY_SECONDS)  # nothing else to wait for
            else:
                return


_writer = _Writer()
