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
    "pg_create_subscription": "have the server fetch rows from another one",
    "pg_checkpoint": "have the server write out all it holds, at any time",
}
"""Predefined roles that no application needs, and what each of them gives."""

_ATTRIBUTES = (
    "make roles",
    "make databases",
    "read all there is as a replica",
    "pass by the policies for rows",
)
"""What the attributes of a role give, in the order in which they are asked for."""
_FUNCTIONS = (
    "pg_read_file", "pg_read_binary_file", "pg_ls_dir", "pg_stat_file", "lo_import", "lo_export", "pg_reload_conf",
    "pg_rotate_logfile", "pg_promote",
)  # fmt: skip
"""Functions that are a superuser's, until somebody hands them on."""


def may(table: str) -> tuple[str, ...]:
    """What the application's role may do with the rows of a table."""
    return LESS.get(table, ROWS)


def put_right(cursor: Any, role: str, tables: Iterable[str]) -> int:
    """Give the role what it may have of each table, and take the rest; return how many statements it took: none, if all is right.

    Must be called as the owner of the tables. What the role has by way of another role, or of PUBLIC, stays; what it has handed on
    goes with the right to do so.
    """
    said, there_are = 0, _existing(cursor, tables)
    quoted = _quoted(cursor, role)
    for table in there_are:
        held, allowed = _held(cursor, role, table), set(may(table))
        handed = _held(cursor, role, table, to_hand_on=True)
        name = _quoted(cursor, table)
        for verb, rights, way in (
            ("GRANT", allowed - held, f"TO {quoted}"),
            ("REVOKE", held - allowed, f"FROM {quoted} CASCADE"),
            ("REVOKE GRANT OPTION FOR", handed & allowed, f"FROM {quoted} CASCADE"),
        ):
            if rights:
                cursor.execute(f"{verb} {', '.join(sorted(rights))} ON TABLE {name} {way}")
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
    """What the role could do and no application needs, each as the end of a sentence "the role may …".

    A role may become any role that it is a member of, by `SET ROLE`, whether or not it inherits: what those may counts as its own.
    """
    mine = _memberships(cursor, role)
    if supers := [name for name, is_super, *_ in mine if is_super]:
        return [
            "do anything, for it is a superuser: run programs on the server, and switch every trigger off"
            if role in supers
            else f"do anything, for it may become a superuser (SET ROLE {supers[0]})"
        ]
    found = []
    for place, what in enumerate(_ATTRIBUTES):
        if having := [name for name, _, *attributes in mine if attributes[place]]:
            found.append(what if role in having else f"{what} (SET ROLE {having[0]})")
    names = [name for name, *_ in mine]
    found += [f"{told} ({name})" for name, told in sorted(_ROLES.items()) if name in names]
    found += _of_the_database(cursor, names)
    known = _existing(cursor, tables)
    cursor.execute(
        "SELECT DISTINCT pg_get_userbyid(c.relowner) FROM unnest(%s::text[]) n JOIN pg_class c ON c.oid = to_regclass(quote_ident(n))"
        " WHERE pg_get_userbyid(c.relowner) = ANY(%s::name[])",
        [known, names],
    )
    if owners := sorted(name for (name,) in cursor.fetchall()):
        found.append(f"change, empty and drop tables and switch their triggers off (as {', '.join(owners)})")
        return found
    # Whoever may read and write everything has been named, and would be named again for each table.
    others = [name for name in names if name not in _ROLES]
    for table in known:
        held = set().union(*(_held(cursor, each, table) for each in others))
        if extra := sorted(held - set(may(table))):
            found.append(f"{', '.join(extra)} on {table}")
        handed = set().union(*(_held(cursor, each, table, to_hand_on=True) for each in others))
        if handed:
            found.append(f"hand on {', '.join(sorted(handed))} on {table} (WITH GRANT OPTION)")
    return found


def _memberships(cursor: Any, role: str) -> list[Any]:
    """The role and each that it may become, itself first: name, whether a superuser, and what _ATTRIBUTES says."""
    cursor.execute(
        "SELECT rolname::text, rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls FROM pg_roles"
        # A superuser is a member of every role, and needs none.
        " WHERE rolname = %s OR (NOT (SELECT rolsuper FROM pg_roles WHERE rolname = %s) AND pg_has_role(%s::name, oid, 'MEMBER'))"
        " ORDER BY rolname <> %s, rolname",
        [role] * 4,
    )
    return list(cursor.fetchall())


def _of_the_database(cursor: Any, names: list[str]) -> list[str]:
    """What one of these roles may do with the database and its schema as a whole, and with the functions that guard tables."""
    cursor.execute(
        "SELECT bool_or(has_schema_privilege(r, n.oid, 'CREATE')), bool_or(has_database_privilege(r, d.oid, 'CREATE')),"
        " bool_or(pg_has_role(r, n.nspowner, 'MEMBER')), bool_or(pg_has_role(r, d.datdba, 'MEMBER')),"
        " bool_or(EXISTS (SELECT FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid"
        "                  WHERE NOT t.tgisinternal AND pg_has_role(r, p.proowner, 'MEMBER')))"
        " FROM unnest(%s::name[]) r, pg_namespace n, pg_database d"
        " WHERE n.nspname = current_schema() AND d.datname = current_database()",
        [names],
    )
    told = (
        "make tables", "make schemas", "drop and replace every table (it owns the schema)",
        "drop the database, and make schemas (it owns the database)", "replace the functions of triggers",
    )  # fmt: skip
    found = [what for has, what in zip(cursor.fetchone(), told, strict=True) if has]
    if _version(cursor) >= _PARAMETERS_SINCE:
        cursor.execute(
            "SELECT bool_or(has_parameter_privilege(r, 'session_replication_role', 'SET')) FROM unnest(%s::name[]) r",
            [names],
        )
        found += ["switch triggers off (session_replication_role)"] * cursor.fetchone()[0]
    cursor.execute(
        "SELECT DISTINCT p.proname::text FROM pg_proc p, unnest(%s::name[]) r WHERE p.pronamespace = 'pg_catalog'::regnamespace"
        " AND p.proname = ANY(%s::name[]) AND has_function_privilege(r, p.oid, 'EXECUTE') ORDER BY 1",
        [names, list(_FUNCTIONS)],
    )
    if functions := [name for (name,) in cursor.fetchall()]:
        found.append(f"reach files and settings of the server ({', '.join(functions)})")
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


def _held(cursor: Any, role: str, table: str, *, whole: bool = False, to_hand_on: bool = False) -> set[str]:
    """What the role may do with a table, or (unless all of it is asked for) with a column of it; or what of that it may hand on."""
    rights = [each for each in _OF_A_TABLE if each != "MAINTAIN" or _version(cursor) >= _MAINTAIN_SINCE]
    cursor.execute(
        "SELECT p, has_table_privilege(%(role)s::name, t, p || %(option)s), CASE WHEN p = ANY(%(columns)s::text[])"
        " THEN has_any_column_privilege(%(role)s::name, t, p || %(option)s) END"
        " FROM unnest(%(rights)s::text[]) p, to_regclass(quote_ident(%(table)s)) t WHERE t IS NOT NULL",
        {
            "role": role,
            "columns": sorted(_OF_A_COLUMN),
            "rights": rights,
            "table": table,
            "option": " WITH GRANT OPTION" if to_hand_on else "",
        },
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
