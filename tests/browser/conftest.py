"""One running system and one Chromium for all browser tests; every test gets visitors of its own, who are watched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.acceptance.conftest import World, starting_worlds
from tests.browser.chromium import NoChromium, running_chromium
from tests.browser.watching import Watch

PATIENCE = 60_000
"""Milliseconds an expectation waits at most: far more than anything takes, because two cores may be busy."""

NewVisitor = Callable[..., Page]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the browser tests last and together: Playwright's event loop makes Django refuse the database in this thread."""
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)


@pytest.fixture(scope="session")
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """The running system."""
    with starting_worlds(request.config) as start:
        yield start()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The browser; a run that asked for it and has none fails, and says how to get one."""
    expect.set_options(timeout=PATIENCE)
    try:
        with running_chromium() as browser:
            yield browser
    except NoChromium as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture
def watches() -> list[Watch]:
    """Of this test's visitors, in the order they came."""
    return []


@pytest.fixture
def new_visitor(chromium: Browser, world: World, watches: list[Watch]) -> Iterator[NewVisitor]:
    """Opens a page for another person, who shares nothing with the others; options are those of a browser context."""
    contexts = []

    def come(**options: Any) -> Page:
        context = chromium.new_context(
            base_url=world.url, **{"viewport": {"width": 1280, "height": 900}, **options}
        )
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        watches.append(Watch(context, world.url))
        return context.new_page()

    yield come
    for context in contexts:
        context.close()
    for watch in watches:
        watch.assert_clean()


@pytest.fixture
def page(new_visitor: NewVisitor) -> Page:
    """One person's browser. The test fails on a request to another host, a console error or an uncaught error."""
    return new_visitor()


@pytest.fixture
def watch(page: Page, watches: list[Watch]) -> Watch:
    """What is watched about `page`."""
    return watches[0]
