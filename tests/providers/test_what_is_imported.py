"""A sandbox is a small process: it imports neither Django nor an HTTP client, and no client needs more than it says."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("orchestration.providers", {"django", "httpx", "celery", "pytest"}),
        ("orchestration.providers.sandbox", {"django", "httpx", "celery", "pytest"}),
        ("orchestration.providers.http", {"django", "celery", "pytest"}),
        ("orchestration.providers.conformance", {"django", "httpx", "celery"}),
        ("payments.sandbox.__main__", {"django", "httpx", "celery", "pytest"}),
        ("shipping.carrier.__main__", {"django", "httpx", "celery", "pytest"}),
    ],
)
def test_what_is_not_imported(module: str, absent: set[str]) -> None:
    asked = f"import sys, {module}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    said = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, check=True, timeout=60
    )
    assert absent & set(said.stdout.split()) == set()
