"""Errors as they are stored and shown: without local variables and without values of rows, either of which may hold secrets. Pure."""

from __future__ import annotations

import traceback
from typing import Any

from orchestration.core.row_values import without_row_values
from orchestration.core.storable import (
    LONGEST_CODE,
    LONGEST_MESSAGE,
    LONGEST_TRACEBACK,
    MOST_ERROR_BYTES,
    storable_data,
    storable_text,
)
from orchestration.errors import StepError, StepRejected


def storable_error(error: BaseException) -> dict[str, Any]:
    """Return an error as JSON: `kind`, `code`, `message`, `data`, and the `traceback` for people, which a business "no" has not."""
    found = error if isinstance(error, StepError) else None
    return {
        "kind": type(error).__name__,
        "code": storable_text(found.code if found else type(error).__name__, LONGEST_CODE),
        "message": without_row_values(storable_text(found.message if found else error, LONGEST_MESSAGE))
        or type(error).__name__,
        "data": storable_data(found.data, MOST_ERROR_BYTES) if found else {},
        "traceback": "" if isinstance(error, StepRejected) else _traceback_of(error),
    }


def _traceback_of(error: BaseException) -> str:
    """The end of it, where it says what happened; of a message of megabytes only the beginning is formatted."""
    lines = traceback.TracebackException.from_exception(error, max_group_depth=3).format()
    text = "".join(line[:LONGEST_MESSAGE] for line in lines)
    return storable_text(without_row_values(text)[-LONGEST_TRACEBACK:], LONGEST_TRACEBACK)
