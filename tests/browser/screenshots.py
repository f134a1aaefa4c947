"""Takes pictures of every page, light, dark and on a phone, of a system that runs.

    .venv/bin/python -m tests.browser.screenshots FOLDER --data-dir DATA [--only NAME ...]

It places an order for each ending; run it on a system whose data may be thrown away.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, expect

from config.system.boot.paths import DataFolder
from config.system.supervisor.record import read_record
from tests.browser.chromium import running_chromium
from tests.browser.stage import SIGHTS, Sight, Stage, set_stage

SCREENS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 860}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 860}},
    "phone": {"color_scheme": "light", "viewport": {"width": 390, "height": 844}, "has_touch": True},
    "phone-dark": {"color_scheme": "dark", "viewport": {"width": 390, "height": 844}, "has_touch": True},
}


def main() -> None:
    """Read the command line and take the pictures."""
    parser = argparse.ArgumentParser(prog="python -m tests.browser.screenshots", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the pictures go, as NAME-SCREEN.png")
    parser.add_argument("--data-dir", type=Path, required=True, help="of the running system")
    parser.add_argument("--only", nargs="+", choices=list(SIGHTS), default=list(SIGHTS), metavar="NAME")
    parser.add_argument("--full", action="store_true", help="the whole length of each page")
    chosen = parser.parse_args()
    record = read_record(DataFolder(chosen.data_dir))
    if record is None or record.state != "running":
        parser.error(
            f"nothing runs on {chosen.data_dir}: start it with `python3 manage.py up --data-dir ...`"
        )
    url = record.addresses["storefront"].rstrip("/")
    chosen.folder.mkdir(parents=True, exist_ok=True)
    expect.set_options(timeout=60_000)
    with running_chromium() as browser:
        stage = set_stage(browser, url=url, folder=chosen.data_dir)
        for name in chosen.only:
            for screen in SCREENS:
                file = chosen.folder / f"{name}-{screen}.png"
                _take(browser, url, stage, SIGHTS[name], screen, file, full=chosen.full)


def _take(
    browser: Browser, url: str, stage: Stage, sight: Sight, screen: str, file: Path, *, full: bool
) -> None:
    context = browser.new_context(base_url=url, storage_state=stage.cookies[sight.who], **SCREENS[screen])
    page = context.new_page()
    stage.show(page, sight)
    page.screenshot(path=file, full_page=full)
    context.close()


if __name__ == "__main__":
    main()
