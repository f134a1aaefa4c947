"""The engine's rows."""

from orchestration.models.history import SagaEvent
from orchestration.models.incidents import Incident
from orchestration.models.messages import InboxMessage, OutboxMessage
from orchestration.models.saga import Saga
from orchestration.models.step import SagaStep

__all__ = ["InboxMessage", "Incident", "OutboxMessage", "Saga", "SagaEvent", "SagaStep"]
