"""The port to the broker: what the engine sends, without saying how. Tests carry the messages by hand instead."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol, cast
from uuid import UUID

from django.utils.module_loading import import_string

from orchestration.conf import engine_settings
from orchestration.core.definition.saga_definition import SagaDefinition
from orchestration.core.planning.canvas import Canvas


@dataclass(frozen=True, slots=True)
class Address:
    """Whom a message is for."""

    saga_id: UUID
    epoch: int
    reference: str
    definition: SagaDefinition


class Transport(Protocol):
    """Carries messages. Every method raises SendFailed when the broker did not take one."""

    def send_canvas(self, address: Address, canvas: Canvas) -> None:
        """Send a canvas that ends with a knock, its failures linked to one."""

    def send_settle(self, address: Address, step: str) -> None:
        """Ask a participant to settle the outcome of one of its steps; then knock."""

    def send_knock(self, saga_id: UUID) -> None:
        """Ask that somebody looks at the saga."""

    def send_probe(self, queue: str, asked_at: str) -> None:
        """Send a probe through a queue: when it arrives, what was sent before it has arrived or is lost."""

    def queues_taken(self) -> set[str]:
        """Return the queues that some worker says it takes; none where no worker answers. May take a second."""

    def send_event(self, envelope: dict[str, Any]) -> None:
        """Send a sealed event to our own inbox."""

    def send_copy(self, queue: str, envelope: dict[str, Any], receipt: dict[str, Any]) -> None:
        """Send a sealed event to a subscriber's queue, and with it what `orchestration.acknowledge_event` is to be given for it."""


_current: ContextVar[Transport | None] = ContextVar("transport", default=None)


def transport() -> Transport:
    """The transport in force: the one of a test, else the one of the settings."""
    chosen = _current.get()
    return chosen if chosen is not None else cast(Transport, import_string(engine_settings().TRANSPORT)())


@contextmanager
def use_transport(chosen: Transport) -> Iterator[None]:
    """Carry messages by another transport within the block."""
    token = _current.set(chosen)
    try:
        yield
    finally:
        _current.reset(token)


def carried_by_hand() -> bool:
    """Whether a test carries the messages itself; then no thread may send them."""
    return _current.get() is not None


def knock(saga_id: UUID) -> None:
    """Ask that somebody looks at the saga, through the broker."""
    transport().send_knock(saga_id)
