"""The engine names its database everywhere: Django's default connection would be another one in a project with several."""

from __future__ import annotations

import re
from pathlib import Path

from django.db import connections, router
from django.test import override_settings

from orchestration.engine.database import connection as database
from orchestration.models import Saga

ENGINE = Path(__file__).resolve().parents[2] / "orchestration"
OF_DJANGO = re.compile(r"^\s*from django\.db import .*\b(connection|transaction|DEFAULT_DB_ALIAS)\b", re.M)


def test_the_engine_takes_its_connection_and_transactions_from_one_place() -> None:
    found = [
        str(path.relative_to(ENGINE))
        for path in ENGINE.rglob("*.py")
        if "migrations" not in path.parts and OF_DJANGO.search(path.read_text())
    ]
    assert found == ["engine/database/connection.py"]


def test_its_rows_are_read_and_written_where_the_setting_says_whatever_other_routers_say() -> None:
    replicas = "tests.architecture.test_one_database.ToReplica"
    with override_settings(DATABASE_ROUTERS=[replicas], ORCHESTRATION={"DATABASE": "sagas"}):
        assert (router.db_for_read(Saga), router.db_for_write(Saga)) == ("sagas", "sagas")
        assert Saga.objects.all().db == "sagas"
        assert router.allow_migrate_model("default", Saga) is False
        assert database.transaction.atomic().using == "sagas"


def test_the_connection_of_the_engine_is_the_one_of_its_alias(db: None) -> None:
    assert database.connection.alias == "default"
    assert database.connection.in_atomic_block is connections["default"].in_atomic_block is True


class ToReplica:
    """A router that sends everything to a replica."""

    def db_for_read(self, model: object, **_: object) -> str:
        return "replica"

    db_for_write = db_for_read
