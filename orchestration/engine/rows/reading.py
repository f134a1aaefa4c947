"""Turning rows into what the planning core sees."""

from __future__ import annotations

from datetime import datetime

from orchestration.core.definition.saga_definition import SagaDefinition
from orchestration.core.planning.states import Direction, SagaState, StepState
from orchestration.core.planning.views import SagaView, StepView
from orchestration.engine.database.connection import connection
from orchestration.engine.rows.drift import drift
from orchestration.models import Saga, SagaStep


def database_now() -> datetime:
    """The database's clock: the only one that decides. Each reading is compared with the one before (see `drift`)."""
    asked_at = drift.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    drift.noted(moment, asked_at)
    return moment


def newest_rows(saga: Saga) -> dict[tuple[str, Direction], SagaStep]:
    """The newest generation of each row of a saga. One query."""
    rows = SagaStep.objects.filter(saga=saga).order_by("generation", "id")
    return {(row.name, Direction(row.direction)): row for row in rows}


def view_of(saga: Saga, definition: SagaDefinition, rows: dict[tuple[str, Direction], SagaStep]) -> SagaView:
    """A saga and its rows as plain values."""
    return SagaView(
        state=SagaState(saga.state),
        paused=saga.paused,
        cause=(saga.failure or {}).get("kind"),
        deadline=saga.deadline,
        steps={
            key: StepView(
                name=row.name,
                direction=key[1],
                state=StepState(row.state),
                external=row.name in definition.steps and definition.steps[row.name].reference.is_external,
                unsure=row.unsure,
                result_type=row.result_type,
                skip_rest=row.skip_rest,
                late=row.late,
                due_at=row.due_at,
                lease_until=row.lease_until,
                sent_at=row.sent_at,
            )
            for key, row in rows.items()
        },
    )
