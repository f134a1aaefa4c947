"""The demo corner kills a real worker in the middle of a step, by HTTP as a browser does it; the order ships all the same."""

from __future__ import annotations

import re
import urllib.parse
import urllib.request
from collections.abc import Callable
from http.cookiejar import CookieJar

import pytest

from tests.acceptance.conftest import World
from tests.bootstrap.running_system import wait_until

pytestmark = pytest.mark.acceptance


@pytest.fixture(scope="module")
def world(start_world: Callable[..., World]) -> World:
    return start_world()


class Visitor:
    """A browser without JavaScript: it keeps cookies, follows redirects and sends forms."""

    def __init__(self, world: World) -> None:
        self._world = world
        # Without proxies: this machine's own address never goes through one.
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(CookieJar())
        )

    def read(self, address: str) -> str:
        with self._opener.open(address, timeout=20) as response:
            return str(response.read().decode())

    def press(self, on: str, action: str) -> tuple[str, str]:
        """Send a form of the page `on`; (address, page) it leads to."""
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self.read(self._world.url + on))
        assert token is not None
        form = urllib.parse.urlencode({"csrfmiddlewaretoken": token[1]}).encode()
        with self._opener.open(self._world.url + action, form, timeout=30) as response:
            return str(response.url), str(response.read().decode())


def test_an_order_ships_although_the_worker_at_its_card_is_killed(world: World) -> None:
    before = set(world.pids("worker"))
    visitor = Visitor(world)
    address, page = visitor.press("/demo/", "/demo/kill-worker/")
    dead = re.search(r"(worker\d) \(process (\d+)\) was killed", page)
    assert dead is not None, page[-3000:]
    assert int(dead[2]) in before
    wait_until(lambda: int(dead[2]) not in world.pids("worker"), "it is dead", 10)
    wait_until(lambda: "E-mail sent: shipped" in visitor.read(address), "the order is shipped", 90)
    page = visitor.read(address)
    assert "Another worker has taken the step over" in page
    assert "A worker died at this step" in page
    wait_until(lambda: len(world.pids("worker")) == 2, "a new worker is there", 30)
    assert len(before & set(world.pids("worker"))) == 1
    world.assert_in_order()
