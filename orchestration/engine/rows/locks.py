"""The one lock of the engine, as a verb; and a saga read without it."""

from __future__ import annotations

from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import QuerySet

from orchestration.core.definition.arguments import shown
from orchestration.engine.database.connection import connection, transaction
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
    return _got(Saga.objects.select_for_update(no_key=True), saga_id)


def saga_of(saga_id: UUID) -> Saga:
    """Read one saga row without locking it.

    Raises:
        SagaNotFound: there is no such saga.
    """
    return _got(Saga.objects.all(), saga_id)


def _got(sagas: QuerySet[Saga], saga_id: UUID) -> Saga:
    try:
        return sagas.get(id=saga_id)
    except Saga.DoesNotExist:
        raise SagaNotFound(f"there is no saga {saga_id}") from None
    except ValidationError:  # Django's, of what is no UUID
        raise SagaNotFound(
            f"there is no saga of the id {shown(saga_id)}; give its `id`, or find it with find_saga"
        ) from None
