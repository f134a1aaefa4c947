"""The application's role in the database: given what it may have after each `migrate`, and looked at by `check`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core import checks
from django.db import connections
from django.db.migrations.recorder import MigrationRecorder

from orchestration.engine.database.connection import alias
from orchestration.engine.database.owner import has_owner, is_owner_at_work
from orchestration.engine.database.privileges import put_right, too_little, too_much

_TWO_ROLES = (
    "Give DATABASE_URL a role that may only read and write rows, and ORDERLY_OWNER_DATABASE_URL the one that owns the tables: "
    'docs/operations.md, "Two roles in the database".'
)


def tables() -> list[str]:
    """Every table of an installed app that there is, and Django's own list of migrations."""
    there_are = connections[alias()].introspection
    of_migrations = MigrationRecorder.Migration._meta.db_table
    found: list[str] = there_are.django_table_names(only_existing=True, include_views=False)
    return [*found, *({of_migrations} & set(there_are.table_names()))]


def application_role() -> str:
    """The role that the application works as: by the settings, for the connection may be the owner's at this moment."""
    named = str(connections.settings[alias()]["USER"] or "")
    if named:
        return named
    with connections[alias()].cursor() as cursor:
        cursor.execute("SELECT current_user")
        return str(cursor.fetchone()[0])


def put_application_right() -> None:
    """Give the application's role what it may have of each table, and take the rest. Must be called as the owner."""
    with connections[alias()].cursor() as cursor:
        put_right(cursor, application_role(), tables())


@checks.register(checks.Tags.security, checks.Tags.database, deploy=True)
def one_role_for_everything(databases: Sequence[str] | None = None, **_: Any) -> list[checks.CheckMessage]:
    """One role alone works; what that lacks is worth a sentence before it is put to work."""
    if has_owner():
        return []
    return [
        checks.Warning(
            "One role of the database does everything: whoever speaks to the database through the application can change and drop"
            " tables, switch off the triggers that guard the histories, and remove sagas.",
            hint=_TWO_ROLES,
            id="config.W001",
        ),
        *(_too_much() if alias() in (databases or ()) else []),
    ]


@checks.register(checks.Tags.database)
def what_the_role_has(databases: Sequence[str] | None = None, **_: Any) -> list[checks.CheckMessage]:
    """Ask the database what the application's role may do; only where there are two roles. With one it may do everything."""
    if alias() not in (databases or ()) or not has_owner() or is_owner_at_work():
        return []  # the owner is about to put it right, and must not be kept from that
    with connections[alias()].cursor() as cursor:
        little = too_little(cursor, application_role(), tables())
    return [
        *_too_much(),
        *(
            checks.Error(
                f"The application's role {application_role()} may not {what}.",
                hint=_MIGRATE,
                id="config.E001",
            )
            for what in little
        ),
    ]


def _too_much() -> list[checks.CheckMessage]:
    role = application_role()
    with connections[alias()].cursor() as cursor:
        much = too_much(cursor, role, tables())
    return [
        checks.Warning(
            f"The application's role {role} may {what}.", hint=_MIGRATE_OR_REVOKE, id="config.W002"
        )
        for what in much
    ]


_MIGRATE = "`python3 manage.py migrate` gives it what it may have, as the owner."
_MIGRATE_OR_REVOKE = f"{_MIGRATE} What it has as a member of another role, by PUBLIC or as an attribute, has to be revoked there."
