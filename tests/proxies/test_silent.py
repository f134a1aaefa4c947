"""Connections that say nothing, more than a web server holds by default: everybody else is served meanwhile."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.bootstrap.running_system import RunningSystem
from tests.proxies.documented import Proxy
from tests.proxies.raw_client import ask, silent

pytestmark = pytest.mark.proxies

MANY = 3_000
"""Half as many again as two thousand, at which Granian's usual limits had everybody wait."""
AT_ONCE = 5.0
"""Seconds; those that are silent are closed after ten at the earliest."""


@pytest.fixture
def held() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def test_pages_are_served_through_each_proxy(proxy: Proxy, held: ExitStack) -> None:
    for connection in silent(proxy.port, MANY):
        held.enter_context(connection)
    begun = time.monotonic()
    assert ask(proxy.port, "GET", "/").status == 200
    assert time.monotonic() - begun < AT_ONCE


def test_pages_are_served_by_the_web_server_itself(system: RunningSystem, held: ExitStack) -> None:
    for connection in silent(system.port, MANY):
        held.enter_context(connection)
    begun = time.monotonic()
    assert ask(system.port, "GET", "/", {"X-Forwarded-Proto": "https"}, tls=False).status == 200
    assert time.monotonic() - begun < AT_ONCE
