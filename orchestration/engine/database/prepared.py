"""Statements that the server parses once for each connection, because every step of every saga runs them.

Parsing and planning them cost more than running them. A connection that goes through a pooler in transaction mode must not
prepare: another server process may answer the next time. Whoever has such a pooler has told Django so already, by
`DISABLE_SERVER_SIDE_CURSORS`, and then each is sent as a plain statement. A process that was not told learns it from the server.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any, cast
from weakref import WeakKeyDictionary
from zlib import crc32

from django.db import Error as DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from orchestration.engine.database.errors import is_pooled

logger = logging.getLogger(__name__)

_NAMED = re.compile(r"%\((\w+)\)s")

_prepared: WeakKeyDictionary[Any, set[str]] = WeakKeyDictionary()
"""What each open connection has prepared, by the driver's own connection: a new one begins with nothing."""


class Statement:
    """One statement with named parameters of declared types."""

    def __init__(self, name: str, sql: str, /, **types: str) -> None:
        """Declare it.

        Args:
            name: what the server calls it; unique in this project.
            sql: with `%(parameter)s` for each parameter.
            types: of PostgreSQL, by parameter.

        Raises:
            ValueError: parameters and types do not have the same names.
        """
        used = set(_NAMED.findall(sql))
        if used != set(types):
            raise ValueError(f"{name}: {', '.join(sorted(used ^ set(types)))} is only used or only declared")
        self.sql, self.types = sql, types
        # Told apart by what it says: behind a pooler, that of other code must not be run instead.
        self._name, self._order = f"orderly_{name}_{crc32(repr((sql, types)).encode()):08x}", tuple(types)
        numbers = {parameter: number for number, parameter in enumerate(types, 1)}
        body = _NAMED.sub(lambda found: f"${numbers[found[1]]}", sql)
        self._prepare = f"PREPARE {self._name} ({', '.join(types.values())}) AS {body}"
        self._execute = f"EXECUTE {self._name} ({', '.join(['%s'] * len(types))})"
        self._plain = _NAMED.sub(lambda found: f"%({found[1]})s::{types[found[1]]}", sql)

    def run(self, cursor: CursorWrapper, values: Mapping[str, Any]) -> None:
        """Run it with a cursor of the engine's connection, from which rows are fetched."""
        wrapper: BaseDatabaseWrapper = cursor.db
        if wrapper.settings_dict.get("DISABLE_SERVER_SIDE_CURSORS"):
            cursor.execute(self._plain, values)
            return
        known = _prepared.setdefault(wrapper.connection, set())
        try:
            if self._name not in known:
                # It outlives a transaction that is rolled back, and ends with the connection.
                cursor.execute(self._prepare)
                known.add(self._name)
            cursor.execute(self._execute, cast(Any, [values[parameter] for parameter in self._order]))
        except DatabaseError as error:
            if is_pooled(error):
                _prepare_nothing_more(wrapper.settings_dict)
            raise


def _prepare_nothing_more(settings: dict[str, Any]) -> None:
    settings["DISABLE_SERVER_SIDE_CURSORS"] = True
    logger.error(
        "DATABASE_URL leads to a pooler in transaction mode: what this process prepared is not there, or was there already. It prepares "
        "nothing more, and repeats its transaction. Say ORDERLY_POOLED=1, or DISABLE_SERVER_SIDE_CURSORS = True in the settings of "
        "the database."
    )
