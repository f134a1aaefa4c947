"""What the application's role may do with the tables: rows, and with histories and sagas not all of that."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg2
import pytest
from django.apps import apps
from django.db import connection, connections, transaction
from django.db.transaction import TransactionManagementError

from config.system import database_roles
from orchestration.engine.database.owner import as_owner
from orchestration.engine.database.privileges import may, put_right, too_little, too_much
from tests.roles import superuser_url

HISTORY, SAGAS = "orchestration_sagaevent", "orchestration_saga"
EVERY_RIGHT = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
REFUSING_TRIGGERS = """
SELECT c.relname, t.tgtype & 8 > 0, t.tgtype & 16 > 0, t.tgtype & 32 > 0
  FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
 WHERE NOT t.tgisinternal AND t.tgtype & 2 > 0 AND c.relnamespace = 'public'::regnamespace
"""
"""Triggers before a change, and whether of DELETE, UPDATE and TRUNCATE."""


def of_a_test() -> str:
    return f"{connection.settings_dict['NAME']}_app"


@pytest.fixture
def cursor(db: None) -> Iterator[Any]:
    """An administrator's, in a transaction that is rolled back, and with it a role that may do what the application's may."""
    address, who = connection.settings_dict, urlsplit(superuser_url())
    link = psycopg2.connect(
        host=address["HOST"], port=address["PORT"], dbname=address["NAME"], user=unquote(who.username or ""),
        password=unquote(who.password or ""),
    )  # fmt: skip
    try:
        with link.cursor() as made:
            made.execute(f'CREATE ROLE "{of_a_test()}"')
            put_right(made, of_a_test(), database_roles.tables())
            yield made
    finally:
        link.rollback()
        link.close()


def test_of_every_table_the_role_may_change_rows_and_no_table(cursor: Any) -> None:
    tables = {model._meta.db_table for model in apps.get_models(include_auto_created=True)}
    assert tables <= set(database_roles.tables())
    for table in tables:
        cursor.execute(
            "SELECT r FROM unnest(%s::text[]) r WHERE has_table_privilege(%s, %s, r)",
            [list(EVERY_RIGHT), of_a_test(), table],
        )
        assert {right for (right,) in cursor.fetchall()} == set(may(table)), table
    assert (may(HISTORY), may(SAGAS)) == (("SELECT", "INSERT"), ("SELECT", "INSERT", "UPDATE"))
    assert too_much(cursor, of_a_test(), database_roles.tables()) == []
    assert too_little(cursor, of_a_test(), database_roles.tables()) == []


def test_what_a_trigger_refuses_the_role_has_no_right_to(cursor: Any) -> None:
    """A table that is made append-only must be named among those of which the role has less."""
    cursor.execute(REFUSING_TRIGGERS)
    guarded = {
        (table, right)
        for table, *refused in cursor.fetchall()
        for right, is_refused in zip(("DELETE", "UPDATE", "TRUNCATE"), refused, strict=True)
        if is_refused
    }
    assert {(HISTORY, "DELETE"), (HISTORY, "UPDATE"), (SAGAS, "DELETE")} <= guarded
    assert [(table, right) for table, right in sorted(guarded) if right in may(table)] == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE orchestration_sagaevent SET kind = kind",
        "DELETE FROM orchestration_sagaevent",
        "DELETE FROM orchestration_saga",
        f"TRUNCATE {SAGAS} CASCADE",
        f"ALTER TABLE {HISTORY} DISABLE TRIGGER ALL",
        f"DROP TRIGGER history_is_append_only ON {HISTORY}",
        "CREATE OR REPLACE FUNCTION orchestration_saga_is_kept() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'",
        "SET session_replication_role = replica",
        "CREATE TABLE taken (a int)",
        "CREATE FUNCTION taken() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "ALTER TABLE orders_order ADD COLUMN taken int",
        "CREATE INDEX taken ON orders_order (id)",
        "DROP TABLE orders_order",
        "TRUNCATE orders_order CASCADE",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "COPY orders_product FROM PROGRAM 'true'",
        "COPY (SELECT 1) TO '/tmp/taken'",
        "SELECT pg_read_file('PG_VERSION')",
        "INSERT INTO django_migrations (app, name, applied) VALUES ('orders', '9999', now())",
        "CREATE ROLE taken",
    ],
)
def test_the_harm_is_refused(cursor: Any, statement: str) -> None:
    cursor.execute(f'SET SESSION AUTHORIZATION "{of_a_test()}"')
    with pytest.raises(psycopg2.Error) as refused:
        cursor.execute(statement)
    assert refused.value.pgcode == "42501", refused.value


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("ALTER ROLE {} SUPERUSER", "superuser"),
        ("ALTER ROLE {} CREATEDB", "make databases"),
        ("ALTER ROLE {} CREATEROLE", "make roles"),
        ("ALTER ROLE {} BYPASSRLS", "pass by the policies"),
        ("ALTER ROLE {} REPLICATION", "as a replica"),
        ("GRANT pg_execute_server_program TO {}", "run programs on the server"),
        ("GRANT pg_write_all_data TO {}", "write every table"),
        ("GRANT CREATE ON SCHEMA public TO {}", "make tables"),
        ("GRANT SET ON PARAMETER session_replication_role TO {}", "switch triggers off"),
        ("ALTER TABLE orders_order OWNER TO {}", "change, empty and drop tables"),
        ("GRANT TRUNCATE ON orders_order TO {}", "TRUNCATE on orders_order"),
        ("GRANT TRIGGER, REFERENCES ON orders_order TO {}", "REFERENCES, TRIGGER on orders_order"),
        (f"GRANT UPDATE (kind) ON {HISTORY} TO {{}}", f"UPDATE on {HISTORY}"),
        (f"GRANT DELETE ON {HISTORY} TO PUBLIC", f"DELETE on {HISTORY}"),
        (f"GRANT DELETE ON {SAGAS} TO {{}}", f"DELETE on {SAGAS}"),
        ("GRANT INSERT ON django_migrations TO {}", "INSERT on django_migrations"),
        (
            "CREATE ROLE almighty SUPERUSER; GRANT almighty TO {}",
            "may become a superuser (SET ROLE almighty)",
        ),
        (
            "CREATE ROLE almighty SUPERUSER; CREATE ROLE between; GRANT almighty TO between; GRANT between TO {}; ALTER ROLE {} NOINHERIT",
            "may become a superuser (SET ROLE almighty)",
        ),
        ("CREATE ROLE maker CREATEROLE; GRANT maker TO {}", "make roles (SET ROLE maker)"),
        ("CREATE ROLE other REPLICATION BYPASSRLS; GRANT other TO {}", "as a replica (SET ROLE other)"),
        ("CREATE ROLE other REPLICATION BYPASSRLS; GRANT other TO {}", "policies for rows (SET ROLE other)"),
        ("GRANT pg_read_server_files TO {}", "read files of the server"),
        ("GRANT pg_write_server_files TO {}", "write files of the server"),
        (
            "CREATE ROLE other; GRANT pg_execute_server_program TO other; GRANT other TO {}; ALTER ROLE {} NOINHERIT",
            "run programs on the server",
        ),
        ("ALTER SCHEMA public OWNER TO {}", "owns the schema"),
        ("ALTER DATABASE {database} OWNER TO {}", "owns the database"),
        ("ALTER FUNCTION orchestration_saga_is_kept() OWNER TO {}", "replace the functions of triggers"),
        (
            "GRANT EXECUTE ON FUNCTION pg_read_file(text) TO {}",
            "reach files and settings of the server (pg_read_file)",
        ),
        ("GRANT SELECT ON orders_order TO {} WITH GRANT OPTION", "hand on SELECT on orders_order"),
        (f"GRANT INSERT (kind) ON {HISTORY} TO {{}} WITH GRANT OPTION", f"hand on INSERT on {HISTORY}"),
        (
            f"CREATE ROLE other; GRANT DELETE ON {SAGAS} TO other; GRANT other TO {{}}; ALTER ROLE {{}} NOINHERIT",
            f"DELETE on {SAGAS}",
        ),
    ],
)
def test_what_the_role_has_too_much_is_named(cursor: Any, change: str, said: str) -> None:
    role = f'"{of_a_test()}"'
    cursor.execute(change.format(role, role, database=f'"{connection.settings_dict["NAME"]}"'))
    assert any(said in each for each in too_much(cursor, of_a_test(), database_roles.tables()))


def test_a_new_table_is_closed_until_it_is_given_and_then_its_rows_alone(cursor: Any) -> None:
    cursor.execute("CREATE TABLE brand_new (id bigserial PRIMARY KEY)")
    tables = [*database_roles.tables(), "brand_new"]
    assert too_little(cursor, of_a_test(), tables) == ["DELETE, INSERT, SELECT, UPDATE on brand_new"]
    assert put_right(cursor, of_a_test(), tables) == 2  # rows, and the sequence of their numbers
    assert (too_little(cursor, of_a_test(), tables), too_much(cursor, of_a_test(), tables)) == ([], [])
    cursor.execute(f'SET SESSION AUTHORIZATION "{of_a_test()}"')
    cursor.execute("INSERT INTO brand_new DEFAULT VALUES")


def test_where_all_is_right_nothing_is_said_and_what_is_too_much_is_taken(cursor: Any) -> None:
    tables = database_roles.tables()
    assert put_right(cursor, of_a_test(), [*tables, "not_there"]) == 0
    assert too_little(cursor, of_a_test(), ["not_there"]) == []
    cursor.execute(f'GRANT ALL ON {HISTORY}, {SAGAS}, orders_order TO "{of_a_test()}"')
    assert put_right(cursor, of_a_test(), tables) == 3
    assert too_much(cursor, of_a_test(), tables) == []
    # And what it may hand on, with what it has handed on.
    cursor.execute(
        f'CREATE ROLE taken; GRANT SELECT, DELETE ON {HISTORY} TO "{of_a_test()}" WITH GRANT OPTION'
    )
    cursor.execute(f'SET ROLE "{of_a_test()}"; GRANT SELECT, DELETE ON {HISTORY} TO taken; RESET ROLE')
    assert put_right(cursor, of_a_test(), tables) == 2
    cursor.execute(
        "SELECT has_table_privilege('taken', %s, 'SELECT'), has_table_privilege('taken', %s, 'DELETE')",
        [HISTORY] * 2,
    )
    assert cursor.fetchone() == (False, False)
    assert too_much(cursor, of_a_test(), tables) == []


def test_check_reads_what_the_role_has(db: None, cursor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (
        database_roles.what_the_role_has(databases=None) == []
    )  # the database is asked only where it is named
    monkeypatch.setattr(database_roles, "has_owner", lambda: True)
    # This session does not see what the other has not committed; for its own role nobody has granted anything.
    monkeypatch.setattr(database_roles, "application_role", lambda: "pg_monitor")
    found = database_roles.what_the_role_has(databases=["default"])
    assert {each.id for each in found} == {"config.E001"}
    assert any(f"INSERT, SELECT on {HISTORY}" in each.msg for each in found)


def test_check_deploy_says_what_one_role_alone_lacks(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_roles, "has_owner", lambda: False)
    superuser = unquote(urlsplit(superuser_url()).username or "")
    monkeypatch.setattr(database_roles, "application_role", lambda: superuser)
    lacks = database_roles.one_role_for_everything(databases=["default"])
    assert [each.id for each in lacks] == ["config.W001", "config.W002"]
    assert "superuser" in lacks[1].msg
    (found,) = database_roles.one_role_for_everything()
    assert (found.id, "ORDERLY_OWNER_DATABASE_URL" in str(found.hint)) == ("config.W001", True)
    monkeypatch.setattr(database_roles, "has_owner", lambda: True)
    assert database_roles.one_role_for_everything() == []


def test_the_owner_works_in_the_same_database_under_the_same_alias(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A test's database has another name than the settings said: the owner must never be led to the real one."""
    monkeypatch.setattr("orchestration.engine.database.owner.has_owner", lambda: True)
    connection.ensure_connection()
    usual, name = connections["default"], connection.settings_dict["NAME"]
    with as_owner():
        assert connections["default"] is not usual
        assert connection.alias == "default"
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_database()")
            assert cursor.fetchone() == (name,)
    assert connections["default"] is usual
    with (
        transaction.atomic(),
        pytest.raises(TransactionManagementError, match="no transaction open"),
        as_owner(),
    ):
        pass
    assert connections["default"] is usual
