"""The pictures of README and docs show the pages of today."""

from __future__ import annotations

import difflib

import pytest
from playwright.sync_api import Browser

from tests.acceptance.conftest import World
from tests.browser.pictures import IMAGES, PICTURES, readable, show
from tests.browser.stage import Stage, set_stage

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def stage(chromium: Browser, world: World) -> Stage:
    """Orders in each ending, as the pictures show them."""
    return set_stage(chromium, url=world.url, folder=world.folder, every_kind_of_row=False)


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_shows_the_page_of_today(chromium: Browser, world: World, stage: Stage, name: str) -> None:
    page = show(chromium, world.url, stage, name)
    today = readable(page).splitlines()
    page.context.close()
    shown = (IMAGES / f"{name}.txt").read_text("utf-8").splitlines()
    # What runs in parallel is told in either order, so the lines are compared as a set of them.
    differing = [
        line for line in difflib.ndiff(sorted(shown), sorted(today)) if line.startswith(("- ", "+ "))
    ]
    assert differing == [], "make the pictures anew: .venv/bin/python -m tests.browser.pictures"
