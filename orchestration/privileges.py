"""What the application's role may do with the tables: rows, and of some tables not all of that; never the tables themselves.

PostgreSQL is asked for what holds in the end (`has_table_privilege`), so what came by another role, or by PUBLIC, counts as well.
Written for any cursor of psycopg, so that a server can be readied before Django is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

ROWS = ("SELECT", "INSERT", "UPDATE", "DELETE")
"""What the application may do with the rows of a table that is not named below."""
LESS = {
    "orchestration_sagaevent": ("SELECT", "INSERT"),
    "orchestration_saga": ("SELECT", "INSERT", "UPDATE"),
    "django_migrations": ("SELECT",),
}
"""A history is only written on, a saga is removed by nobody but the owner's `prune`, and what was migrated is the owner's word."""

_OF_A_TABLE = (*ROWS, "TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN")
_OF_A_COLUMN = {"SELECT", "INSERT", "UPDATE", "REFERENCES"}
_MAINTAIN_SINCE = 170000
_PARAMETERS_SINCE = 150000

_ROLES = {
    "pg_execute_server_program": "run programs on the server",
    "pg_read_server_files": "read files of the server",
    "pg_write_server_files": "write files of the server",
    "pg_write_all_data": "write every table",
    "pg_read_all_data": "read every table",
    "pg_maintain": "maintain every table",
    "pg_signal_backend": "end the sessions of other roles",
}
"""Predefined roles that no application needs, and what each of them gives."""


def may(table: str) -> tuple[str, ...]:
    """What the application's role may do with the rows of a table."""
    return LESS.get(table, ROWS)


def put_right(cursor: Any, role: str, tables: Iterable[str]) -> int:
    """Give the role what it may have of each table, and take the rest; return how many statements it took: none, if all is right.

    Must be called as the owner of the tables. What the role has by way of another role, or of PUBLIC, stays.
    """
    said, there_are = 0, _existing(cursor, tables)
    quoted = _quoted(cursor, role)
    for table in there_are:
        held, allowed = _held(cursor, role, table), set(may(table))
        name = _quoted(cursor, table)
        for verb, rights, way in (("GRANT", allowed - held, "TO"), ("REVOKE", held - allowed, "FROM")):
            if rights:
                cursor.execute(f"{verb} {', '.join(sorted(rights))} ON TABLE {name} {way} {quoted}")
                said += 1
    # Columns of an older Django take their numbers from a sequence of their own; today's need no right for it.
    cursor.execute(
        "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_depend d ON d.objid = c.oid AND d.deptype = 'a'"
        " AND d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass"
        " WHERE d.refobjid = ANY(SELECT to_regclass(quote_ident(n))::oid FROM unnest(%s::text[]) n)"
        # Asked of anything else it is an error, and conditions have no order.
        " AND CASE WHEN c.relkind = 'S' THEN NOT has_sequence_privilege(%s::name, c.oid, 'USAGE') ELSE false END",
        [there_are, role],
    )
    for (sequence,) in cursor.fetchall():
        cursor.execute(f"GRANT USAGE, SELECT ON SEQUENCE {sequence} TO {quoted}")
        said += 1
    return said


def too_much(cursor: Any, role: str, tables: Iterable[str]) -> list[str]:
    """What the role could do and no application needs, each as the end of a sentence "the role may …"."""
    version = _version(cursor)
    cursor.execute(
        "SELECT rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls FROM pg_roles WHERE rolname = %s",
        [role],
    )
    ((is_super, creates_roles, creates_databases, replicates, bypasses),) = cursor.fetchall()
    if is_super:
        return [
            "do anything, for it is a superuser: run programs on the server, and switch every trigger off"
        ]
    found = [
        what
        for has, what in (
            (creates_roles, "make roles"),
            (creates_databases, "make databases"),
            (replicates, "read all there is as a replica"),
            (bypasses, "pass by the policies for rows"),
        )
        if has
    ]
    cursor.execute(
        "SELECT rolname FROM pg_roles WHERE rolname = ANY(%s::name[]) AND pg_has_role(%s::name, oid, 'MEMBER') ORDER BY rolname",
        [list(_ROLES), role],
    )
    found += [f"{_ROLES[name]} ({name})" for (name,) in cursor.fetchall()]
    cursor.execute(
        "SELECT has_schema_privilege(%s::name, current_schema(), 'CREATE'), has_database_privilege(%s::name, current_database(), 'CREATE')",
        [role, role],
    )
    ((makes_tables, makes_schemas),) = cursor.fetchall()
    found += ["make tables"] * makes_tables + ["make schemas"] * makes_schemas
    if version >= _PARAMETERS_SINCE:
        cursor.execute("SELECT has_parameter_privilege(%s::name, 'session_replication_role', 'SET')", [role])
        found += ["switch triggers off (session_replication_role)"] * cursor.fetchone()[0]
    known = _existing(cursor, tables)
    cursor.execute(
        "SELECT DISTINCT pg_get_userbyid(c.relowner) FROM unnest(%s::text[]) n JOIN pg_class c ON c.oid = to_regclass(quote_ident(n))"
        " WHERE pg_has_role(%s::name, c.relowner, 'MEMBER')",
        [known, role],
    )
    if owners := sorted(name for (name,) in cursor.fetchall()):
        found.append(f"change, empty and drop tables and switch their triggers off (as {', '.join(owners)})")
        return found
    for table in known:
        if extra := sorted(_held(cursor, role, table) - set(may(table))):
            found.append(f"{', '.join(extra)} on {table}")
    return found


def too_little(cursor: Any, role: str, tables: Iterable[str]) -> list[str]:
    """What the role must be able to do and cannot, in the same words."""
    return [
        f"{', '.join(lacking)} on {table}"
        for table in _existing(cursor, tables)
        if (lacking := sorted(set(may(table)) - _held(cursor, role, table, whole=True)))
    ]


def _existing(cursor: Any, tables: Iterable[str]) -> list[str]:
    """Those that there are; a migration may not have made one yet, or have taken it back."""
    cursor.execute(
        "SELECT n FROM unnest(%s::text[]) n WHERE to_regclass(quote_ident(n)) IS NOT NULL ORDER BY n",
        [sorted(set(tables))],
    )
    return [name for (name,) in cursor.fetchall()]


def _held(cursor: Any, role: str, table: str, *, whole: bool = False) -> set[str]:
    """What the role may do with a table, or (unless all of it is asked for) with a column of it."""
    rights = [each for each in _OF_A_TABLE if each != "MAINTAIN" or _version(cursor) >= _MAINTAIN_SINCE]
    cursor.execute(
        "SELECT p, has_table_privilege(%(role)s::name, t, p), CASE WHEN p = ANY(%(columns)s::text[]) THEN has_any_column_privilege(%(role)s::name, t, p) END"
        " FROM unnest(%(rights)s::text[]) p, to_regclass(quote_ident(%(table)s)) t WHERE t IS NOT NULL",
        {"role": role, "columns": sorted(_OF_A_COLUMN), "rights": rights, "table": table},
    )
    return {
        right for right, all_of_it, a_column in cursor.fetchall() if all_of_it or (a_column and not whole)
    }


def _version(cursor: Any) -> int:
    cursor.execute("SELECT current_setting('server_version_num')::int")
    version: int = cursor.fetchone()[0]
    return version


def _quoted(cursor: Any, name: str) -> str:
    cursor.execute("SELECT quote_ident(%s)", [name])
    quoted: str = cursor.fetchone()[0]
    return quoted
