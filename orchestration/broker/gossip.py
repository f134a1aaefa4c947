"""How a worker listens to the events of other workers, where its project has it do so (Celery's default): none of them ends it."""

from __future__ import annotations

from typing import Any, ClassVar

from celery.worker.consumer import Consumer
from celery.worker.consumer.gossip import Gossip

from orchestration.broker.broadcasts import STUMBLES, told_in_vain


class CarefulGossip(Gossip):
    """Celery's listener to other workers' events, which is not ended by one."""

    def get_consumers(self, channel: Any) -> list[Any]:
        """Celery's, with an answer to bodies that cannot be decoded."""
        consumers = super().get_consumers(channel)
        for consumer in consumers:
            consumer.on_decode_error = lambda message, error: told_in_vain("an event of a worker", error)
        return list(consumers)

    def on_message(self, prepare: Any, message: Any) -> None:
        """Celery's; whatever it stumbles over is dropped."""
        try:
            super().on_message(prepare, message)
        except STUMBLES as error:
            told_in_vain("an event of a worker", error)


_Blueprint: Any = Consumer.Blueprint


class CarefulBlueprint(_Blueprint):  # type: ignore[misc]  # Celery's, which its stubs know as a variable
    """Celery's parts of a consumer, with that listener."""

    default_steps: ClassVar[list[str]] = [
        "orchestration.broker.gossip:CarefulGossip" if step.endswith(":Gossip") else step
        for step in _Blueprint.default_steps
    ]
