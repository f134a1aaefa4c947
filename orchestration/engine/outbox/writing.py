"""The outbox: written in the transaction that decides, sent after it by whoever comes first.

Guarantee: a message whose transaction commits is sent at least once; one whose transaction does not is never sent.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from orchestration.engine.database.connection import connection, how_to_open, transaction
from orchestration.engine.outbox import relay
from orchestration.errors import OutboxOutsideTransaction
from orchestration.models import OutboxMessage


def put(
    kind: str, *, saga_id: UUID | None = None, payload: dict[str, Any] | None = None, queue: str = ""
) -> OutboxMessage:
    """Write a message in the caller's transaction and wake the relay of this process after it commits.

    Args:
        kind: of the message.
        saga_id: of a dispatch, whose.
        payload: of an event, its envelope.
        queue: of an event, the subscriber whose copy it is.

    Raises:
        OutboxOutsideTransaction: no transaction is open.
    """
    if not connection.in_atomic_block:
        raise OutboxOutsideTransaction(f"write `{how_to_open()}` around the change and its message")
    message = OutboxMessage.objects.create(kind=kind, saga_id=saga_id, payload=payload or {}, queue=queue)
    wake_after_commit()
    return message


def wake_after_commit() -> None:
    """Wake the relay of this process once the caller's transaction has committed."""
    transaction.on_commit(relay.wake, robust=True)
