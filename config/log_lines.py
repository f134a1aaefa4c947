"""Lines of the log, in every process: what the database says of an error is written without the values of rows."""

from __future__ import annotations

import logging
from typing import Any

from celery.signals import after_setup_logger, after_setup_task_logger

from orchestration.core.row_values import without_row_values


class Line(logging.Formatter):
    """Writes a record on a line, its traceback below."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the text of a record."""
        return without_row_values(super().format(record))


class Withholding(logging.Formatter):
    """Another formatter's text, without those values."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        """Return the text of a record."""
        return without_row_values(self._inner.format(record))


@after_setup_logger.connect
@after_setup_task_logger.connect
def withhold(logger: logging.Logger | None = None, **_: Any) -> None:
    """Have a logger that Celery has set up write such lines, in workers and in each process of their pools. Idempotent."""
    for handler in logger.handlers if logger is not None else ():
        inner = handler.formatter
        if inner is not None and not isinstance(inner, Line | Withholding):
            handler.setFormatter(Withholding(inner))
