"""Beginning a whole transaction anew after a serialization failure or a deadlock, with a fresh read."""

from __future__ import annotations

import functools
import random
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from django.db import Error as DatabaseError

from orchestration.engine.database.connection import connection
from orchestration.engine.database.errors import is_conflict

PAUSES = (0.01, 0.05, 0.2, 0.5)
"""Seconds, at most, before each further try. Jittered: two that have met once would meet again."""

_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")


def again_after_conflict(transact: Callable[_Given, _Result]) -> Callable[_Given, _Result]:
    """Make a function that opens a transaction of its own run again when the database made it give way to another one.

    Guarantees: at most `1 + len(PAUSES)` transactions, of which at most the last commits. Inside a caller's transaction
    it runs once, because only the whole can be begun anew. Raises what the last try raised; any other error at once.
    """

    @functools.wraps(transact)
    def persistent(*args: _Given.args, **kwargs: _Given.kwargs) -> _Result:
        for pause in PAUSES:
            try:
                return transact(*args, **kwargs)
            except DatabaseError as error:
                if connection.in_atomic_block or not is_conflict(error):
                    raise
            time.sleep(random.uniform(0, pause))  # lets the other one finish
        return transact(*args, **kwargs)

    return persistent
