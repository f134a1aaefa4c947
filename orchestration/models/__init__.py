"""The engine's rows."""

from orchestration.models.dead_letter import DeadLetter
from orchestration.models.history import SagaEvent
from orchestration.models.incidents import Incident
from orchestration.models.messages import InboxMessage, OutboxMessage
from orchestration.models.probe import QueueProbe
from orchestration.models.saga import Saga
from orchestration.models.step import SagaStep

__all__ = [
    "DeadLetter",
    "InboxMessage",
    "Incident",
    "OutboxMessage",
    "QueueProbe",
    "Saga",
    "SagaEvent",
    "SagaStep",
]
