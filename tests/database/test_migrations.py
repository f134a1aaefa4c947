"""Migrations beside a system at work: none queues everybody behind it, and sagas go on while they are taken back and made again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.core.management.commands.migrate import Command as Migrate
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from orchestration.models import Incident, Saga, SagaStep
from orchestration.testing import SagaRun
from tests.database.outages import administrator
from tests.orchestration.sample import TripInput, provider, trip

pytestmark = pytest.mark.django_db(transaction=True)

INPUT = TripInput(name="Ada")
LET_PASS = "config.management.commands.migrate.let_pass"
REACHED = "0017_inbox_keeps_only_what_came"
EARLIER = "0016_deliveries"
"""What the one behind it changes, these sagas can do without; it waits for the table of the inbox."""


@pytest.fixture(autouse=True)
def _migrated() -> Iterator[None]:
    # Those behind it wait for nobody here, and each migration is a transaction of its own: they would be undone.
    call_command("migrate", "orchestration", REACHED, verbosity=0)
    yield
    call_command("migrate", verbosity=0)


def applied() -> int:
    return MigrationRecorder.Migration.objects.filter(app="orchestration").count()


def lock_timeout() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('lock_timeout')")
        ((found,),) = cursor.fetchall()
    return str(found)


@contextmanager
def long_report() -> Iterator[None]:
    """Somebody reads the inbox in a transaction that stays open."""
    with administrator() as execute:
        execute("BEGIN")
        execute("SELECT count(*) FROM orchestration_inboxmessage")
        yield
        execute("ROLLBACK")


def test_a_migration_behind_a_long_transaction_gives_up_again_and_again_and_lets_everybody_pass(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run, before = SagaRun(trip, INPUT), applied()
    passed: list[str] = []
    waited: list[str] = []
    handle = Migrate.handle

    def migrating(command: Any, *args: Any, **options: Any) -> None:
        waited.append(lock_timeout())
        handle(command, *args, **options)

    def others_pass() -> None:
        """Between two tries nobody stands in the way, although the report is still open."""
        assert run.carry_one()
        passed.append(lock_timeout())

    monkeypatch.setattr(Migrate, "handle", migrating)
    monkeypatch.setattr(LET_PASS, others_pass)
    with long_report(), pytest.raises(CommandError, match=r"in use 3 times for 0\.1 s.*changed nothing"):
        call_command("migrate", "orchestration", EARLIER, lock_seconds=0.1, tries=3, verbosity=0)
    assert (waited, passed) == (["100ms"] * 3, ["10s"] * 2)
    assert "tried 3 of 3 times" in capsys.readouterr().err
    assert applied() == before
    assert run.until_rest().state == "completed"


def test_it_goes_through_as_soon_as_the_table_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    before, report = applied(), long_report()
    report.__enter__()
    monkeypatch.setattr(LET_PASS, lambda: report.__exit__(None, None, None))
    call_command("migrate", "orchestration", EARLIER, lock_seconds=0.1, verbosity=0)
    assert applied() < before


@pytest.mark.durability
def test_sagas_go_on_while_migrations_are_taken_back_and_made_again(by_worker: Callable[..., Any]) -> None:
    runs: list[Any] = []
    under_way: list[int] = []
    for _ in range(5):
        runs += [by_worker(trip, INPUT) for _ in range(8)]
        call_command("migrate", "orchestration", EARLIER, verbosity=0)
        under_way.append(Saga.objects.filter(state="running").count())
        call_command("migrate", "orchestration", verbosity=0)
    assert sum(under_way) > 0
    for run in runs:
        run.until_rest()
        run.close()
    assert set(Saga.objects.values_list("state", flat=True)) == {"completed"}
    assert (len(runs), provider.count("charge"), provider.count("issue_ticket")) == (40, 40, 40)
    assert set(SagaStep.objects.values_list("attempts", flat=True)) == {1}
    assert not Incident.objects.exists()
