"""A system that `up` has started works as a role that changes rows and no tables, and as a user of Valkey that cannot harm the server.

Who has taken over the application, has what is tried here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import redis

from config.system.boot.paths import DataFolder
from config.system.servers.credentials import load_credentials
from config.system.servers.host import Host
from config.system.servers.ports import Ports
from config.system.servers.postgres import Postgres
from config.system.servers.roles import OWNER, SUPERUSER, Passwords, connect
from tests.bootstrap.running_system import RunningSystem, manage, wait_until

SAYS_ITS_ADDRESSES = (
    "import os, json; print(json.dumps({name: os.environ[name] for name in"
    " ('DATABASE_URL', 'ORDERLY_OWNER_DATABASE_URL', 'CELERY_BROKER_URL', 'CELERY_RESULT_BACKEND')}))"
)


WHOSE = """
import json
from django.contrib.sessions.models import Session
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute(
        "SELECT pg_get_userbyid(relowner) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        " UNION SELECT pg_get_userbyid(proowner) FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
        " UNION SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"
    )
    owners = [name for (name,) in cursor.fetchall()]
print(json.dumps({"owners": owners, "kept": Session.objects.filter(session_key="kept").count()}))
"""


MADE_LATER = """
import json, os, pathlib, psycopg2
from urllib.parse import urlsplit
password = json.loads((pathlib.Path(os.environ["ORDERLY_DATA_DIR"]) / "secrets.json").read_text())["database_password"]
parts = urlsplit(os.environ["DATABASE_URL"])
link = psycopg2.connect(host=parts.hostname, port=parts.port, dbname="orderly", user="orderly", password=password)
link.autocommit = True
link.cursor().execute("CREATE TABLE made_later (a int)")
print(json.dumps("made"))
"""


def asked(folder: Path, code: str) -> Any:
    """What code prints that is run on the data, with the servers started for it."""
    ended = manage("shell", "--no-imports", "-c", code, folder=folder)
    assert ended.returncode == 0, ended.stderr[-2000:]
    return json.loads(ended.stdout.strip().splitlines()[-1])


@pytest.fixture(scope="module")
def known() -> dict[Path, dict[str, str]]:
    return {}


@pytest.fixture
def application(system: RunningSystem, known: dict[Path, dict[str, str]]) -> dict[str, str]:
    """The addresses that the application works with."""
    if system.folder not in known:
        known[system.folder] = asked(system.folder, SAYS_ITS_ADDRESSES)
    return known[system.folder]


@pytest.mark.parametrize(
    "harm",
    [
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "COPY orders_product FROM PROGRAM 'true'",
        "ALTER TABLE orchestration_sagaevent DISABLE TRIGGER ALL",
        "SET session_replication_role = replica",
        "UPDATE orchestration_sagaevent SET kind = kind",
        "DELETE FROM orchestration_sagaevent",
        "DELETE FROM orchestration_saga",
        "TRUNCATE orchestration_saga CASCADE",
        "DROP TABLE orders_order",
        "ALTER TABLE orders_order ADD COLUMN taken int",
        "CREATE TABLE taken (a int)",
        "CREATE TEMPORARY TABLE taken (a int)",
        "CREATE SCHEMA taken",
        "CREATE DATABASE taken",
        "CREATE ROLE taken SUPERUSER",
        "ALTER ROLE orderly_app CREATEDB",
        "SET ROLE orderly_owner",
        "SET ROLE orderly",
    ],
)
def test_the_application_cannot_do_this_to_the_database(application: dict[str, str], harm: str) -> None:
    with closing(psycopg2.connect(application["DATABASE_URL"])) as link:
        link.autocommit = True
        with link.cursor() as cursor, pytest.raises(psycopg2.Error) as refused:
            cursor.execute(harm)
        assert refused.value.pgcode == "42501"


@pytest.mark.parametrize(
    "harm",
    [
        "FLUSHALL", "FLUSHDB", "CONFIG SET maxmemory 1", "CONFIG GET requirepass", "SHUTDOWN", "KEYS *", "ACL SETUSER taken on +@all",
        "ACL LIST", "REPLICAOF 127.0.0.1 1", "SWAPDB 0 1", "SAVE", "BGREWRITEAOF", "MONITOR", "CLIENT KILL TYPE normal",
        "MODULE LIST", "MIGRATE 127.0.0.1 1 key 0 1", "FUNCTION FLUSH", "SCRIPT FLUSH", "INFO", "DEBUG SLEEP 0",
    ],
)  # fmt: skip
@pytest.mark.parametrize("server", ["CELERY_BROKER_URL", "CELERY_RESULT_BACKEND"])
def test_the_application_cannot_do_this_to_the_broker(
    application: dict[str, str], harm: str, server: str
) -> None:
    with redis.Redis.from_url(application[server]) as link:
        with pytest.raises(redis.ResponseError, match=r"no permissions|not allowed"):
            link.execute_command(*harm.split())
        assert link.ping()


def test_the_servers_own_log_says_which_rule_was_broken_and_not_with_whose_data(
    system: RunningSystem, application: dict[str, str]
) -> None:
    with (
        closing(psycopg2.connect(application["DATABASE_URL"])) as link,
        link.cursor() as cursor,
        pytest.raises(psycopg2.errors.NotNullViolation, match=r"ana@example\.com"),
    ):
        cursor.execute("INSERT INTO auth_user (email) VALUES ('ana@example.com')")
    log = system.folder / "run" / "postgres.log"
    wait_until(lambda: "violates not-null constraint" in log.read_text(), "the error is in the log", 10)
    assert "ana@example.com" not in log.read_text()


def test_nor_by_a_script(application: dict[str, str]) -> None:
    with redis.Redis.from_url(application["CELERY_BROKER_URL"]) as link:
        with pytest.raises(redis.ResponseError, match="ACL failure"):
            link.eval("return redis.call('FLUSHALL')", 0)
        assert link.eval("return 1", 0) == 1  # chords and limits need scripts


def test_the_application_has_nothing_too_much_and_nothing_too_little(system: RunningSystem) -> None:
    ended = manage("check", "--deploy", "--database", "default", folder=system.folder)
    assert ended.returncode == 0, ended.stderr
    assert "(config." not in ended.stderr


def test_what_its_role_may_not_do_is_told_in_a_sentence(system: RunningSystem) -> None:
    code = "from django.db import connection; connection.cursor().execute('DELETE FROM orchestration_saga')"
    ended = manage("shell", "--no-imports", "-c", code, folder=system.folder)
    assert (ended.returncode, "Traceback" in ended.stderr) == (2, False), ended.stderr
    assert "the role in DATABASE_URL may not do this" in ended.stderr


def test_the_owner_prunes_and_migrates(system: RunningSystem) -> None:
    for command in (["prune", "--json"], ["migrate", "--check"], ["migrate"]):
        ended = manage(*command, folder=system.folder)
        assert ended.returncode == 0, ended.stderr[-2000:]


@pytest.fixture
def old_folder(data_folders: Callable[[], Path]) -> Iterator[Path]:
    """A data folder as older versions left it: one role, the superuser, owns everything, and nothing else has a password."""
    folder = DataFolder(data_folders())
    folder.make()
    secrets = load_credentials(folder.secrets)
    folder.secrets.write_text(
        json.dumps(
            {
                name: getattr(secrets, name)
                for name in secrets.__dataclass_fields__
                if name
                not in {
                    "owner_database_password",
                    "application_database_password",
                    "application_broker_password",
                }
            }
        )
    )
    server = Postgres(
        folder=folder, ports=Ports(folder.root / "ports.json"), host=Host(folder), throw_away=False,
        passwords=Passwords(secrets.database_password, "", ""),
    )  # fmt: skip
    server.start(tied=True)
    server.wait(seconds=30)
    try:
        with closing(connect(server.port, SUPERUSER, secrets.database_password, "postgres")) as link:
            link.cursor().execute("CREATE DATABASE orderly")
        yield folder.root
    finally:
        server.stop(seconds=4)


def test_a_folder_of_an_older_version_is_handed_over_once_and_works_on(old_folder: Path) -> None:
    folder = DataFolder(old_folder)
    secrets = load_credentials(folder.secrets)
    port = Ports(old_folder / "ports.json").kept("postgres")
    one_role = f"postgres://{SUPERUSER}:{secrets.database_password}@127.0.0.1:{port}/orderly"
    as_before = {"DATABASE_URL": one_role, "ORDERLY_OWNER_DATABASE_URL": ""}
    ended = manage("migrate", folder=old_folder, environment=as_before)
    assert ended.returncode == 0, ended.stderr[-2000:]
    with closing(psycopg2.connect(one_role)) as link, link, link.cursor() as cursor:
        cursor.execute("CREATE VIEW seen AS SELECT 1 AS one")
        cursor.execute("CREATE SEQUENCE counted")
        cursor.execute(
            "INSERT INTO django_session (session_key, session_data, expire_date) VALUES ('kept', '', now())"
        )

    first = manage("saga", "list", "--json", folder=old_folder)
    assert (first.returncode, "handing the tables over" in first.stderr) == (0, True), first.stderr[-2000:]
    again = manage("prune", "--json", folder=old_folder)
    assert (again.returncode, "handing the tables over" in again.stderr) == (0, False), again.stderr[-2000:]
    check = manage("check", "--deploy", "--database", "default", folder=old_folder)
    assert (check.returncode, "(config." in check.stderr) == (0, False), check.stderr

    assert asked(old_folder, WHOSE) == {"owners": [OWNER], "kept": 1}
    # An older version that runs on it once more, or a dump that the superuser restores.
    assert asked(old_folder, MADE_LATER) == "made"
    assert asked(old_folder, WHOSE) == {"owners": [OWNER], "kept": 1}
