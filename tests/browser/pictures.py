"""Makes the pictures of README and docs, from a whole system that runs; nothing in them changes from one run to the next.

    .venv/bin/python -m tests.browser.pictures

It starts a system on data that are thrown away, places the orders by clicking, and writes each picture to `docs/images`, with
what can be read on it beside it (`NAME.txt`): a test in a browser holds today's pages to that. It needs Chromium.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from config.system.boot.paths import PROJECT
from tests.bootstrap.running_system import RunningSystem, manage
from tests.browser.chromium import running_chromium
from tests.browser.screenshots import SCREENS
from tests.browser.stage import SIGHTS, Stage, set_stage

IMAGES = PROJECT / "docs" / "images"
FLOW = IMAGES / "order-saga.svg"
PICTURES: Mapping[str, tuple[str, str]] = {
    "catalog-light": ("catalog", "light"),
    "order-shipped-light": ("order-shipped", "light"),
    "order-waiting-phone": ("order-waiting", "phone"),
    "order-cancelled-dark": ("order-cancelled", "dark"),
    "admin-saga-light": ("admin-saga", "light"),
}
"""Sight and screen by the name of the file."""

_SETTLE = r"""() => {
  const always = [
    [/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [A-Z]{3,4}/g, "2026-03-01 12:00:00 UTC"],
    [/([A-Z][a-z]{2} \d{1,2}, \d{4}, )?\d{1,2}:\d\d:\d\d\s[AP]M [A-Z]{3,4}/g, () => `12:00:${String(second++).padStart(2, "0")} PM UTC`],
    [/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, "5f0c6a52-3d1e-4f7a-9c1b-2a7d90e4b613"],
    [/\b[0-9a-f]{32}\b/g, "9b1c0d6e4f2a4d7c8e35a1f07b62c894"],
    [/\bOR-[0-9A-Z]{8}\b/g, "OR-7VWR9RPC"],
    [/\b\d+\.\d\d s\b/g, "0.31 s"],
  ];
  let second = 0;
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const text = walk.currentNode;
    const settled = always.reduce((said, [from, to]) => said.replace(from, to), text.data);
    if (settled !== text.data) text.data = settled;
  }
  document.querySelectorAll(".tracking").forEach((element) => { element.textContent = "1Z5F0C6A523D1E4F7A"; });
}"""
"""What differs from run to run: moments, durations, ids and numbers."""

_READABLE = """() => document.querySelectorAll(
  '[aria-labelledby="history-heading"] tbody, [aria-labelledby="steps-heading"] tbody').forEach((rows) => rows.remove())"""
"""Rows below what a picture shows, in an order of their own each time."""

_BY_CHANCE = re.compile(
    # Where a link leads, how long something took, and what other tests have left on the shelves.
    r"/url:|Took longer than usual|Worked at the \w+ attempt|takes longer than usual"
    r"|Only \d+ left|In stock|Out of stock|Last \d+|No longer made|button \"Add "
)


def show(browser: Browser, url: str, stage: Stage, name: str) -> Page:
    """Open the page of a picture, with nothing on it that is different each time."""
    sight, screen = PICTURES[name]
    context = browser.new_context(
        base_url=url, storage_state=stage.cookies[SIGHTS[sight].who], reduced_motion="reduce", locale="en-US", timezone_id="UTC",
        **SCREENS[screen],
    )  # fmt: skip
    page = context.new_page()
    stage.show(page, SIGHTS[sight])
    page.evaluate(_SETTLE)
    return page


def readable(page: Page) -> str:
    """What the page says, as a screen reader is told it: roles, names and text, a line each."""
    page.evaluate(_READABLE)
    lines = page.locator("body").aria_snapshot().splitlines()
    return "".join(f"{line.rstrip()}\n" for line in lines if not _BY_CHANCE.search(line))


def main() -> None:
    """Start a system, and take every picture."""
    folder = Path(tempfile.mkdtemp(prefix="orderly-pictures-"))
    expect.set_options(timeout=60_000)
    system = RunningSystem(folder, environment={"ORDERLY_CARRIER_SECONDS": "0.2"})
    try:
        system.wait_until_ready()
        with running_chromium() as browser:
            stage = set_stage(browser, url=system.url, folder=folder, every_kind_of_row=False)
            manage("saga", "graph", "orders.fulfil", "--format", "svg", "--out", str(FLOW), folder=folder)
            for name in PICTURES:
                page = show(browser, system.url, stage, name)
                page.screenshot(path=IMAGES / f"{name}.png")
                (IMAGES / f"{name}.txt").write_text(readable(page), encoding="utf-8")
                page.context.close()
    finally:
        system.stop()
        shutil.rmtree(folder, ignore_errors=True)
        system.output.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
