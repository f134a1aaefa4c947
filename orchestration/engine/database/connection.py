"""The one database of the engine, named everywhere: a project's router for reads must never send it to a replica that lags.

Rows decide, so they are read where they are written and locked. `connection` and `transaction` stand here for Django's own, with
the alias that `ORCHESTRATION = {"DATABASE": ...}` names; the engine takes them from nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.db import DEFAULT_DB_ALIAS, connections, router
from django.db import transaction as of_django
from django.db.backends.base.base import BaseDatabaseWrapper

from orchestration.conf import engine_settings

_APP = "orchestration"


def alias() -> str:
    """The key in `DATABASES` of the database that has the engine's rows."""
    return engine_settings().DATABASE


class _Connection:
    """This thread's connection to the engine's database, looked up at each use."""

    def __getattr__(self, name: str) -> Any:
        return getattr(connections[alias()], name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(connections[alias()], name, value)


class _Transaction:
    """What Django offers about transactions, on the engine's database."""

    TransactionManagementError = of_django.TransactionManagementError

    @staticmethod
    def atomic() -> of_django.Atomic:
        """A transaction, or a savepoint within one."""
        return of_django.atomic(using=alias())

    @staticmethod
    def on_commit(function: Callable[[], object], *, robust: bool = False) -> None:
        """Call it once the transaction has committed."""
        of_django.on_commit(function, using=alias(), robust=robust)

    @staticmethod
    def set_rollback(rollback: bool) -> None:
        """Have the innermost transaction rolled back at its end."""
        of_django.set_rollback(rollback, using=alias())


connection = cast(BaseDatabaseWrapper, _Connection())
transaction = _Transaction()


def how_to_open() -> str:
    """Say which transaction is to be opened; only where it is not Django's own default is its alias named."""
    given = "" if alias() == DEFAULT_DB_ALIAS else f"using={alias()!r}"
    return f"with transaction.atomic({given}):"


def _readable_alias() -> str | None:
    try:
        return alias()
    except ImproperlyConfigured:
        return None


class EngineRouter:
    """Sends the engine's own models to its database, for reads too; says nothing about any other model.

    Nor of its own where the settings cannot be read: Django asks while it checks the models, and `check` is to say what is wrong.
    """

    def db_for_read(self, model: Any, **_: Any) -> str | None:
        """Where a model is read."""
        return _readable_alias() if model._meta.app_label == _APP else None

    def db_for_write(self, model: Any, **_: Any) -> str | None:
        """Where a model is written."""
        return _readable_alias() if model._meta.app_label == _APP else None

    def allow_migrate(self, db: str, app_label: str, **_: Any) -> bool | None:
        """Where a model has its table."""
        ours = _readable_alias() if app_label == _APP else None
        return db == ours if ours is not None else None


def route(**_: Any) -> None:
    """Put the engine's router before the project's own."""
    if not any(isinstance(each, EngineRouter) for each in router.routers):
        router.routers.insert(0, EngineRouter())


def _route_again(*, setting: str, **_: Any) -> None:
    if setting == "DATABASE_ROUTERS":
        route()  # Django has just read them anew


setting_changed.connect(_route_again)
