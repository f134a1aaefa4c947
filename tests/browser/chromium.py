"""The system's own Chromium, started so that it can reach nothing but this machine."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

QUIET = (
    "--no-sandbox",  # Chromium refuses to start as root with it
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
)


class NoChromium(Exception):
    """There is no Chromium to drive."""


def executable() -> str:
    """Return the path of a Chromium; raise NoChromium, which says how to get one."""
    for name in NAMES:
        if found := shutil.which(name):
            return found
    raise NoChromium(
        f"the browser tests need one of {', '.join(NAMES)} in PATH, and there is none. On Debian and Ubuntu: "
        "apt-get install -y chromium. Without it, leave out --browser."
    )


@contextmanager
def running_chromium() -> Iterator[Browser]:
    """Start a browser, and end it."""
    path = executable()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(QUIET))
        try:
            yield browser
        finally:
            browser.close()
