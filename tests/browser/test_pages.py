"""Every page, light on a wide screen and dark on a phone: no serious finding of the accessibility rules, nothing cut off,
no number, time or id on two lines, and one clock."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.acceptance.conftest import World
from tests.browser.conftest import NewVisitor
from tests.browser.stage import SIGHTS, Stage, set_stage
from tests.browser.whole import broken_over_lines, other_clocks

pytestmark = pytest.mark.browser

APPEARANCES: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light"},
    "dark-phone": {"color_scheme": "dark", "viewport": {"width": 360, "height": 780}, "has_touch": True},
}


@pytest.fixture(scope="module")
def stage(chromium: Browser, world: World) -> Stage:
    """Orders in each ending; nobody restocks while these pages are looked at."""
    return set_stage(chromium, url=world.url, folder=world.folder)


@pytest.mark.parametrize("appearance", APPEARANCES)
@pytest.mark.parametrize("name", SIGHTS)
def test_a_page_is_accessible_and_fits_its_screen(
    stage: Stage, new_visitor: NewVisitor, name: str, appearance: str
) -> None:
    page = new_visitor(
        storage_state=stage.cookies[SIGHTS[name].who], reduced_motion="reduce", **APPEARANCES[appearance]
    )
    stage.show(page, SIGHTS[name])
    assert serious_findings(page) == []
    wide, shown = page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert wide <= shown, f"{wide - shown} pixels hang out to the right"
    assert broken_over_lines(page) == []
    assert other_clocks(page) == []
    assert page.get_by_role("main").count() == 1


def serious_findings(page: Page) -> list[str]:
    """`rule (impact): selectors` for each serious or critical finding of axe-core."""
    found = Axe().run(page).response["violations"]
    return [
        f"{each['id']} ({each['impact']}): {', '.join(str(node['target']) for node in each['nodes'][:5])}"
        for each in found
        if each["impact"] in ("serious", "critical")
    ]
