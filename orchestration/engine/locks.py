"""The one lock of the engine, as a verb."""

from __future__ import annotations

from uuid import UUID

from orchestration.database import connection, transaction
from orchestration.errors import SagaNotFound
from orchestration.models import Saga


def lock_saga(saga_id: UUID) -> Saga:
    """Lock one saga row until the transaction ends, and read it.

    Must be inside a transaction. Business rows, where a transaction locks both, are locked before it.

    Raises:
        SagaNotFound: there is no such saga.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("lock_saga outside a transaction would lock nothing")
    try:
        return Saga.objects.select_for_update(no_key=True).get(id=saga_id)
    except Saga.DoesNotExist:
        raise SagaNotFound(f"there is no saga {saga_id}") from None
