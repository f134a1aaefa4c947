"""What the benchmark counts is what was done: on the wire to a real PostgreSQL, and where messages leave for the broker."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from config.system.boot.paths import PROJECT
from tests.bench.counting import COUNT_INTO, Published, read_published
from tests.bench.proxy import Conversation, Proxy, Tally, normal
from tests.bootstrap.running_system import wait_until
from tests.roles import owner_url

INSERT = "INSERT INTO counted VALUES (%s)"


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with Proxy(owner_url()) as running:
        yield running


@pytest.fixture
def link(proxy: Proxy) -> Iterator[psycopg2.extensions.connection]:
    made = psycopg2.connect(proxy.url)
    made.autocommit = True
    with made.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE counted (text text)")
    proxy.tally.reset()
    yield made
    made.close()


def test_a_lone_statement_is_a_commit(proxy: Proxy, link: psycopg2.extensions.connection) -> None:
    with link.cursor() as cursor:
        for _ in range(3):
            cursor.execute(INSERT, ["it's"])
    assert (proxy.tally.queries, proxy.tally.commits) == (3, 3)
    assert proxy.tally.statements == {"INSERT INTO counted VALUES (?)": 3}


def test_a_transaction_is_one_commit_and_its_ends_are_no_queries(
    proxy: Proxy, link: psycopg2.extensions.connection
) -> None:
    link.autocommit = False
    with link, link.cursor() as cursor:
        cursor.execute("SAVEPOINT here")
        cursor.execute(INSERT, ["a"])
        cursor.execute(INSERT, ["b"])
        cursor.execute("RELEASE SAVEPOINT here")
    assert (proxy.tally.queries, proxy.tally.commits) == (2, 1)


def test_what_was_rolled_back_or_refused_is_no_commit(
    proxy: Proxy, link: psycopg2.extensions.connection
) -> None:
    link.autocommit = False
    with link.cursor() as cursor:
        cursor.execute(INSERT, ["a"])
        link.rollback()
        with pytest.raises(psycopg2.errors.UndefinedTable):
            cursor.execute("SELECT * FROM nowhere")
        link.rollback()
    assert (proxy.tally.queries, proxy.tally.commits) == (1, 0)
    link.autocommit = True
    with link.cursor() as cursor, pytest.raises(psycopg2.errors.UndefinedTable):
        cursor.execute(
            "INSERT INTO counted VALUES ('b'); SELECT * FROM nowhere"
        )  # sent at once: all or nothing
    assert (proxy.tally.queries, proxy.tally.commits) == (2, 0)


def test_prepared_statements_are_known_by_their_text() -> None:
    tally = Tally()
    talk = Conversation(tally)
    talk.client_says(b"P", b"ps1\0SELECT a FROM b WHERE c = $1\0\0\0")
    for _ in range(2):
        talk.client_says(b"B", b"\0ps1\0\0\0\0\0\0\0")
        talk.server_says(b"C", b"SELECT 1\0")
        talk.server_says(b"Z", b"I")
    assert tally.statements == {"SELECT a FROM b WHERE c = ?": 2}
    assert (tally.queries, tally.commits) == (2, 2)


def test_statements_are_told_without_their_values() -> None:
    told = "UPDATE t1 SET a = ?, b = ? WHERE c=?"
    assert normal(b"UPDATE t1 SET a = 'it''s',\n  b = 42 WHERE c=$2") == told
    assert normal(b"DELETE FROM t WHERE id IN (1, 22,3)") == "DELETE FROM t WHERE id IN (?, …)"
    assert normal(b'SAVEPOINT "s140137_x17"') == normal(b'SAVEPOINT "s140137_x18"')


def test_the_proxy_leaves_nothing_behind(proxy: Proxy, link: psycopg2.extensions.connection) -> None:
    with Proxy(owner_url()) as other:
        held = psycopg2.connect(other.url)
    with pytest.raises(psycopg2.OperationalError):
        held.cursor().execute("SELECT 1")
    with pytest.raises(psycopg2.OperationalError):
        psycopg2.connect(other.url)
    held.close()


def test_messages_are_counted_where_they_leave(tmp_path: Path) -> None:
    file = tmp_path / "published"
    script = (
        "from tests.bench.counting import count_messages_if_asked\n"
        "from celery import Celery\n"
        "count_messages_if_asked(); count_messages_if_asked()\n"  # twice counts once
        "app = Celery('a', broker='memory://')\n"
        "for number in range(3):\n"
        "    app.send_task('a.b', kwargs={'text': 'x' * 1000})\n"
    )
    environment = {**os.environ, COUNT_INTO: str(file)}
    subprocess.run([sys.executable, "-c", script], cwd=PROJECT, env=environment, check=True, timeout=60)
    seen = read_published(file)
    assert (seen.messages, seen.events, seen.event_bytes) == (3, 0, 0)
    assert 3_000 < seen.bytes < 9_000
    assert read_published(tmp_path / "none") == Published(0, 0, 0, 0)


def test_the_proxy_closes_what_a_client_has_left(proxy: Proxy) -> None:
    link = psycopg2.connect(proxy.url)
    pid = link.info.backend_pid
    assert proxy.tally.connections == 1
    link.close()
    observer = psycopg2.connect(owner_url())
    observer.autocommit = True
    with observer.cursor() as cursor:

        def gone() -> bool:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE pid = %s", [pid])
            return cursor.fetchone() == (0,)

        wait_until(gone, "the server has ended the connection", 20)
    observer.close()
