"""A step's ordinary "no", and what is linked on purpose, are not reported by Celery; every other word about a chord is."""

from __future__ import annotations

import logging
import warnings

import pytest
from celery import chord, signature
from celery.exceptions import ChordError

from orchestration.broker import chord_log


@pytest.mark.parametrize(
    ("reason", "reported"),
    [
        ("Dependency 1 raised StepRejected('The bank says no.')", False),
        ("Dependency 1 raised StepExhausted('payments.authorize failed 5 times')", False),
        ("Dependency 1 raised ValueError('boom')", True),
        ("Can't find ChordCounter", True),
    ],
)
@pytest.mark.parametrize("backend", ["base", "redis"])
def test_only_what_nobody_expected_is_reported(
    caplog: pytest.LogCaptureFixture, backend: str, reason: str, reported: bool
) -> None:
    chord_log.install()
    logging.getLogger(f"celery.backends.{backend}").error("Chord %r raised: %r", "1", ChordError(reason))
    assert (reason in caplog.text) is reported


@pytest.mark.filterwarnings("always:task_allow_error_cb_on_chord_header", "always:something else")
def test_a_worker_does_not_warn_of_callbacks_that_are_linked_on_purpose(
    caplog: pytest.LogCaptureFixture,
) -> None:
    chord_log.install()
    caplog.set_level("WARNING", logger="py.warnings")
    logging.captureWarnings(False)  # a worker in this process may have left its own
    logging.captureWarnings(True)  # as a worker does
    try:
        # As Celery says it, so that a change of its words is noticed.
        chord([signature("sample.register")], signature("sample.confirm")).link_error(
            signature("orchestration.compensate")
        )
        warnings.warn("something else", stacklevel=1)
    finally:
        logging.captureWarnings(False)
    assert "something else" in caplog.text
    assert "task_allow_error_cb_on_chord_header" not in caplog.text
