"""Limits on a busy machine: a Valkey that is slow to answer for a moment counts all the same."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from orders import throttling


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Longer than a request would wait; and no test inherits from another that the server is away."""
    monkeypatch.setattr(throttling, "_ANSWERS_WITHIN", 20.0)
    throttling._counts.cache_clear()
    yield
    throttling._counts.cache_clear()
