"""The roles of an embedded PostgreSQL: who administers it, who owns the tables, and who works with the rows.

A data folder of an older version has one role for all of it, the superuser. It is handed over once, in one transaction: the owner gets
the database and what lies in it, the application what it may do with the rows.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import Any

import psycopg2
from psycopg2.extensions import ISOLATION_LEVEL_AUTOCOMMIT, connection, encrypt_password
from psycopg2.sql import SQL, Identifier

from config.system.boot.progress import Refusal, say
from config.system.servers.ports import LOOPBACK

SUPERUSER = "orderly"
"""Made with the data. Nothing but the commands that run the server knows its password."""
OWNER = "orderly_owner"
APPLICATION = "orderly_app"
DATABASE = "orderly"

_WAIT = "10s"
"""For a table that a program of an older version has at work."""

_OWNED = """
SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'TABLE' END,
       c.oid::regclass::text
  FROM pg_class c
 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S') AND pg_get_userbyid(c.relowner) = %(old)s
   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                      AND (d.deptype = 'e' OR (c.relkind = 'S' AND d.deptype IN ('a', 'i'))))
 UNION ALL
SELECT 'ROUTINE', p.oid::regprocedure::text FROM pg_proc p
 WHERE p.pronamespace = 'public'::regnamespace AND pg_get_userbyid(p.proowner) = %(old)s
   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
 UNION ALL
SELECT 'TYPE', t.oid::regtype::text FROM pg_type t
 WHERE t.typnamespace = 'public'::regnamespace AND t.typtype IN ('d', 'e', 'r') AND pg_get_userbyid(t.typowner) = %(old)s
   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e')
"""
"""REASSIGN OWNED would do it, but the role that the data was made with owns the system's own tables, too, and is refused."""
_HANDED_OVER = """
SELECT pg_get_userbyid(datdba) = %(owner)s
       AND NOT EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
                          AND pg_get_userbyid(c.relowner) = %(old)s)
  FROM pg_database WHERE datname = current_database()
"""
"""Also not, where an older version has run on the folder again, or a dump was restored as the superuser."""
_TABLES = """
SELECT c.relname FROM pg_class c
 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
"""


@dataclass(frozen=True, slots=True)
class Passwords:
    """Of the three roles."""

    superuser: str
    owner: str
    application: str


def connect(port: int | None, role: str, password: str, database: str = DATABASE) -> connection:
    """Connect in autocommit; raises psycopg2.OperationalError where the server does not let us in."""
    link = psycopg2.connect(
        host=LOOPBACK, port=port, user=role, password=password, dbname=database, connect_timeout=3
    )
    link.set_isolation_level(ISOLATION_LEVEL_AUTOCOMMIT)
    return link


def ensure_roles(port: int | None, passwords: Passwords) -> None:
    """Have the database, its owner and the application's role; idempotent. Costs one connection where all is as it should be.

    Raises:
        Refusal: with the server's own words.
    """
    if _is_in_order(port, passwords):
        return
    try:
        _put_in_order(port, passwords)
    except psycopg2.Error as error:
        raise Refusal(
            f"the roles of the embedded PostgreSQL cannot be put in order: {str(error).strip()}"
        ) from error


def _put_in_order(port: int | None, passwords: Passwords) -> None:
    with closing(connect(port, SUPERUSER, passwords.superuser, "postgres")) as link, link.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
        if cursor.fetchone() is None:
            cursor.execute(SQL("CREATE DATABASE {}").format(Identifier(DATABASE)))
    with closing(connect(port, SUPERUSER, passwords.superuser)) as link:
        link.set_session(autocommit=False)
        with link, link.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [_WAIT])
            # The owner makes databases for tests, and for those who measure.
            _have_role(cursor, OWNER, passwords.owner, "CREATEDB")
            _have_role(cursor, APPLICATION, passwords.application, "NOCREATEDB")
            _hand_over(cursor)


def _is_in_order(port: int | None, passwords: Passwords) -> bool:
    try:
        link = connect(port, APPLICATION, passwords.application)
    except psycopg2.OperationalError:
        return False
    with closing(link), link.cursor() as cursor:
        cursor.execute(_HANDED_OVER, {"owner": OWNER, "old": SUPERUSER})
        return cursor.fetchone() == (True,)


def _have_role(cursor: Any, name: str, password: str, attribute: str) -> None:
    cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name])
    verb = "CREATE" if cursor.fetchone() is None else "ALTER"
    # A statement that fails is written to the server's log.
    unreadable = encrypt_password(password, name, cursor.connection, "scram-sha-256")
    cursor.execute(
        SQL(f"{verb} ROLE {{}} LOGIN NOSUPERUSER NOCREATEROLE {attribute} PASSWORD %s").format(
            Identifier(name)
        ),
        [unreadable],
    )


def _hand_over(cursor: Any) -> None:
    """Give the database and what lies in it to the owner, and to the application what it may have."""
    from orchestration.engine.database.privileges import put_right

    cursor.execute(_OWNED, {"old": SUPERUSER})
    owned = cursor.fetchall()
    if owned:
        say(
            "handing the tables over to an owner of their own; the application's role may change rows from now on, and no table"
        )
    for kind, name in owned:
        cursor.execute(SQL(f"ALTER {kind} {name} OWNER TO {{}}").format(Identifier(OWNER)))
    cursor.execute(_TABLES)
    put_right(cursor, APPLICATION, [name for (name,) in cursor.fetchall()])
    # PUBLIC may make temporary tables by default, in every database. The owner makes new databases from `postgres`.
    for database, role in ((DATABASE, APPLICATION), ("postgres", OWNER)):
        cursor.execute(SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(Identifier(database)))
        cursor.execute(
            SQL("GRANT CONNECT ON DATABASE {} TO {}").format(Identifier(database), Identifier(role))
        )
    cursor.execute(SQL("ALTER DATABASE {} OWNER TO {}").format(Identifier(DATABASE), Identifier(OWNER)))
