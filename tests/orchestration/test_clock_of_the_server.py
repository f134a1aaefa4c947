"""The clock that the engine's own statements ask is moved: ahead or back for as long as one message, at each point of a saga."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.db import connection

from orchestration.engine.messages.transport import use_transport
from orchestration.engine.outbox.sweep import sweep
from orchestration.engine.rows import reading
from orchestration.engine.rows.drift import Drift
from orchestration.models import SagaEvent
from orchestration.testing import SagaRun
from tests.orchestration.sample import TripInput, trip
from tests.orchestration.wrong_clock import JUMP, rescued_within_minutes

pytestmark = [pytest.mark.django_db, pytest.mark.owner]
MESSAGES = 14
"""So many come at most while one of these sagas runs."""

Move = Callable[[float], None]


@pytest.fixture
def move(monkeypatch: pytest.MonkeyPatch) -> Iterator[Move]:
    """Move the server's clock so many seconds ahead: a function of its name that is found before its own.

    Whoever looks afterwards began later, and has noticed nothing.
    """
    monkeypatch.setattr(reading, "drift", Drift())
    with connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA moved")
        cursor.execute("CREATE TABLE moved.by AS SELECT 0.0::float8 AS seconds")
        cursor.execute(
            "CREATE FUNCTION moved.statement_timestamp() RETURNS timestamptz LANGUAGE sql STABLE AS"
            " 'SELECT pg_catalog.statement_timestamp() + seconds * interval ''1 second'' FROM moved.by'"
        )
        cursor.execute("SHOW search_path")
        ((usual,),) = cursor.fetchall()
        cursor.execute("SET search_path = moved, public, pg_catalog")

    def by(seconds: float) -> None:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE moved.by SET seconds = %s", [seconds])

    yield by
    with connection.cursor() as cursor:
        cursor.execute(f"SET search_path = {usual}")
        cursor.execute("DROP SCHEMA moved CASCADE")


def carried(run: SagaRun, messages: int) -> bool:
    """Carry so many messages; says whether there were as many."""
    return all(run.carry_one() for _ in range(messages))


def test_the_clock_is_moved(move: Move) -> None:
    before = reading.database_now()
    move(JUMP)
    assert JUMP <= (reading.database_now() - before).total_seconds() < JUMP + 60


@pytest.mark.parametrize("jump", [JUMP, -JUMP], ids=["ahead", "back"])
@pytest.mark.parametrize(
    "faults", [{}, {"fail_at": {"sample.charge": 1}}, {"reject_at": ["sample.confirm"]}], ids=str
)
def test_one_message_under_a_wrong_clock_costs_minutes_wherever_it_comes(
    move: Move, faults: dict[str, object], jump: float
) -> None:
    expected = "compensated" if "reject_at" in faults else "completed"
    for number in range(MESSAGES):
        run = SagaRun(trip, TripInput(name="Ada"), **faults)  # type: ignore[arg-type] # as they are given
        if not carried(run, number):
            break
        move(jump)
        with use_transport(run.transport):
            sweep()
        run.carry_one()
        move(0.0)
        run.transport.lose_everything()  # nothing but the rows is left to go on from
        assert rescued_within_minutes(run), number
        assert run.state == expected, number
    else:
        raise AssertionError("there were more messages than were tried")
    assert SagaEvent.objects.filter(kind="times_corrected").exists() is (jump > 0)
