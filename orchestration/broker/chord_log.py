"""Keeps out of the logs what Celery says about chords and nobody has to act on. Every other word of Celery's is still logged.

* A step's ordinary "no", as an error of its own: a branch that is rejected or given up ends the chord, and Celery logs that
  with a traceback. The engine has recorded it by then: the saga's history says it, and `link_error` has knocked.
* That error callbacks are linked to the body only, as a warning of each worker's first chords: they are meant to be (ADR 0005).
"""

from __future__ import annotations

import logging
import re

from orchestration import errors

_EXPECTED = re.compile(
    rf"raised ({'|'.join(kind.__name__ for kind in (errors.StepRejected, errors.StepExhausted, errors.StepRetryable))})\("
)


class _NoStepErrors(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.msg == "Chord %r raised: %r" and _EXPECTED.search(record.getMessage()))


class _NoHeaderWarning(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return "task_allow_error_cb_on_chord_header=False" not in record.getMessage()


_FILTERS: dict[str, type[logging.Filter]] = {
    "celery.backends.base": _NoStepErrors,
    "celery.backends.redis": _NoStepErrors,
    "py.warnings": _NoHeaderWarning,  # Celery has its workers log what is warned of
}


def install() -> None:
    """Have these loggers filtered; idempotent."""
    for name, kind in _FILTERS.items():
        logger = logging.getLogger(name)
        if not any(isinstance(found, kind) for found in logger.filters):
            logger.addFilter(kind())
