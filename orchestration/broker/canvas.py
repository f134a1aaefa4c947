"""The real transport: plans become Celery canvas. Messages carry ids, the epoch, and the order number for people.

What canvas does behind one's back is designed for: one fork per canvas, so never two groups in a row; errbacks are
sent as messages with their keywords bound at build time; the body of a chord is only the next claim, which the rows
refuse while a branch is unfinished.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

from celery import Signature, chain, current_app, group, signature

from orchestration.broker.broadcasts import STUMBLES
from orchestration.broker.client_errors import BROKER_ERRORS
from orchestration.broker.stamps import EPOCH, REFERENCE, SAGA, send_link, stamp_of
from orchestration.conf import engine_settings
from orchestration.core.planning.canvas import Call, Canvas, Fork
from orchestration.engine.messages.seals import name_seal
from orchestration.engine.messages.transport import Address
from orchestration.errors import SendFailed

_NO_ANSWER: tuple[type[Exception], ...] = (*BROKER_ERRORS, *STUMBLES)
ADVANCE = "orchestration.advance"
"""The last link of every chain: ask what is next."""


class CeleryTransport:
    """Sends by the project's current Celery app."""

    def send_canvas(self, address: Address, canvas: Canvas) -> None:
        """Send a canvas as chain and chord, linked to compensation: each task, and of a chord its body."""
        if not isinstance(canvas[0], Call):
            _send(_whole(address, canvas))  # a chord's counter is set up as it is sent
            return
        # Everything of the address but the ids, which the stamp puts in.
        key = (address.definition.fingerprint, canvas, bool(address.reference), engine_settings().QUEUE)
        stamp = stamp_of(
            key,
            lambda: _whole(
                replace(address, saga_id=SAGA, epoch=EPOCH, reference=address.reference and REFERENCE), canvas
            ),
        )
        with _sending():
            send_link(stamp.links(address.saga_id, address.reference, address.epoch))

    def send_settle(self, address: Address, step: str) -> None:
        """Send the settle task of the step's participant, then a knock."""
        reference = address.definition.steps[step].reference
        about = {"order": address.reference, "step": step, "saga": str(address.saga_id)}
        ask = _task(f"{reference.task}.settle", reference.queue, about)
        _send(chain(ask, _advance(address.saga_id, address.reference)))

    def send_knock(self, saga_id: UUID) -> None:
        """Send `orchestration.advance`."""
        _send(_advance(saga_id, ""))

    def send_probe(self, queue: str, asked_at: str) -> None:
        """Send `orchestration.answer_probe` through any queue: every worker of this project knows the task."""
        _send(_task("orchestration.answer_probe", queue, {"queue": queue, "asked_at": asked_at}))

    def queues_taken(self) -> set[str]:
        """Ask all workers, by Celery's remote control. An answer that is none of a worker says nothing, like none."""
        try:
            answers: Any = current_app.control.inspect(timeout=1.0).active_queues() or {}
            told = [queues for queues in answers.values() if isinstance(queues, list)]
        except _NO_ANSWER:
            return set()
        return {
            queue["name"]
            for queues in told
            for queue in queues
            if isinstance(queue, dict) and isinstance(queue.get("name"), str)
        }

    def send_event(self, envelope: dict[str, Any]) -> None:
        """Send `orchestration.receive_event`."""
        _send(_receiving("orchestration.receive_event", engine_settings().QUEUE, envelope))

    def send_copy(self, queue: str, envelope: dict[str, Any], receipt: dict[str, Any]) -> None:
        """Send `<queue>.receive_event`, linked to its acknowledgement: Celery sends that once the subscriber's task has succeeded."""
        copy = _receiving(f"{queue}.receive_event", queue, envelope)
        copy.link(_own("orchestration.acknowledge_event", **receipt))
        _send(copy)


def _whole(address: Address, canvas: Canvas) -> Any:
    links = [_stage(address, stage) for stage in canvas]
    errback = _own(
        "orchestration.compensate", order=address.reference, saga=str(address.saga_id), immutable=False
    )
    whole = chain(*links, _advance(address.saga_id, address.reference))
    whole.on_error(errback)
    return whole


def _stage(address: Address, stage: Call | Fork) -> Any:
    if isinstance(stage, Call):
        return _call(address, stage)
    branches = [[_call(address, call) for call in branch] for branch in stage.branches]
    return group(*(chain(*calls) if len(calls) > 1 else calls[0] for calls in branches))


def _call(address: Address, call: Call) -> Signature[Any]:
    reference = address.definition.reference(call.step, call.direction.value)
    # The order number first: lists of tasks show the beginning of this only.
    kwargs: dict[str, Any] = {"order": address.reference} if address.reference else {}
    kwargs |= {"step": call.step, "saga": str(address.saga_id), "epoch": address.epoch}
    if call.direction.value != "forward":
        kwargs["direction"] = call.direction.value
    if call.after:
        kwargs["after"] = list(call.after)
    return _task(reference.task, reference.queue, kwargs)


def _advance(saga_id: UUID, reference: str) -> Signature[Any]:
    return _own(ADVANCE, order=reference, saga=str(saga_id))


def _receiving(task: str, queue: str, envelope: dict[str, Any]) -> Signature[Any]:
    # In the headers too: whoever sets the message aside need not understand its body to say which event it was.
    source, event_id = envelope["source"], envelope["id"]
    named = {"event_source": source, "event_id": event_id, "event_seal": name_seal(source, event_id)}
    return _task(task, queue, {"envelope": envelope}, headers=named)


def _own(task: str, *, immutable: bool = True, **kwargs: Any) -> Signature[Any]:
    given: dict[str, Any] = {name: value for name, value in kwargs.items() if value}
    return _task(task, engine_settings().QUEUE, given, immutable=immutable)


def _task(
    task: str, queue: str, kwargs: dict[str, Any], *, immutable: bool = True, **more: Any
) -> Signature[Any]:
    """One message of ours: JSON, whatever a project writes its own in."""
    if current_app.conf.task_serializer != "json":
        more["serializer"] = (
            "json"  # left out where it goes without saying: in each link of a chain, it is a tenth of the message
        )
    return signature(task, kwargs=kwargs, immutable=immutable, queue=queue, ignore_result=True, **more)


def _send(canvas: Signature[Any]) -> None:
    with _sending():
        canvas.apply_async()


@contextmanager
def _sending() -> Iterator[None]:
    try:
        yield
    except BROKER_ERRORS as error:
        # Not "not sent": the broker may have it. The rows make a second copy harmless.
        raise SendFailed(
            f"the broker at {current_app.connection().as_uri()} took no message: {error}"
        ) from error
