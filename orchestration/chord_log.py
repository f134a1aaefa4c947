"""Keeps Celery from reporting a step's ordinary "no" as an error of its own.

A branch of a chord that is rejected or given up ends the chord, and Celery logs that with a traceback. The engine has
recorded it by then: the saga's history says it, and `link_error` has knocked. Every other chord error is still logged.
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


def install() -> None:
    """Have the result backends' reports filtered; idempotent."""
    for name in ("celery.backends.base", "celery.backends.redis"):
        logger = logging.getLogger(name)
        if not any(isinstance(found, _NoStepErrors) for found in logger.filters):
            logger.addFilter(_NoStepErrors())
