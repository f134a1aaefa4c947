"""A step's ordinary "no" is not reported as an error of Celery's; every other error of a chord is."""

from __future__ import annotations

import logging

import pytest
from celery.exceptions import ChordError

from orchestration import chord_log


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
