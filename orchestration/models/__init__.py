"""The engine's rows."""

from orchestration.models.dead_letter import DeadLetter
from orchestration.models.history import SagaEvent
from orchestration.models.inbox import InboxDelivery, InboxMessage
from orchestration.models.incidents import Incident
from orchestration.models.outbox import OutboxMessage
from orchestration.models.probe import QueueProbe
from orchestration.models.saga import Saga
from orchestration.models.step import SagaStep

__all__ = [
    "DeadLetter",
    "InboxDelivery",
    "InboxMessage",
    "Incident",
    "OutboxMessage",
    "QueueProbe",
    "Saga",
    "SagaEvent",
    "SagaStep",
]
