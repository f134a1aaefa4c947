"""The files a page loads, in production and through each documented proxy."""

from __future__ import annotations

import re

import pytest

from tests.proxies.documented import Proxy
from tests.proxies.raw_client import ask

pytestmark = pytest.mark.proxies


def test_what_a_page_loads_has_a_hash_in_its_name_is_packed_and_may_be_kept_for_a_year(proxy: Proxy) -> None:
    page = ask(proxy.port, "GET", "/").content.decode()  # type: ignore[attr-defined]
    names = re.findall(r'(?:href|src)="(/static/[^"]+\.(?:css|js))"', page)
    assert len(names) > 1
    for name in names:
        answer = ask(proxy.port, "GET", name, {"Accept-Encoding": "gzip"})
        age = re.search(r"max-age=(\d+)", answer.getheader("Cache-Control") or "")
        assert age is not None
        assert int(age[1]) >= 365 * 24 * 60 * 60, name
        assert answer.getheader("Content-Encoding") == "gzip", name
