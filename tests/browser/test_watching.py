"""The watch itself: what would fail every other browser test is seen."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from tests.browser.chromium import NoChromium, executable
from tests.browser.watching import Watch

pytestmark = pytest.mark.browser

HERE = "http://127.0.0.1:9"
STRICT = "default-src 'self'"


@pytest.mark.parametrize(
    ("content", "policy", "complaint"),
    [
        ("<p>nothing wrong</p>", STRICT, None),
        ("<script>throw new Error('lost')</script>", "", "uncaught error: "),
        ("<script>console.error('broken')</script>", "", "console error: broken"),
        ("<script>document.title = 'inline'</script>", STRICT, "Content Security Policy"),
        ("<p style='color: red'>inline</p>", STRICT, "Content Security Policy"),
        ("<img src='http://elsewhere.example/a.png'>", "", "request to another host: http://elsewhere.example/a.png"),
    ],
)  # fmt: skip
def test_what_a_page_does_wrong_is_seen(
    chromium: Browser, content: str, policy: str, complaint: str | None
) -> None:
    context = chromium.new_context()
    watch = Watch(context, HERE)
    headers = {"Content-Type": "text/html", "Content-Security-Policy": policy}
    context.route(
        "**/*",
        lambda route: route.fulfill(body=f"<!doctype html><title>a page</title>{content}", headers=headers),
    )
    page = context.new_page()
    page.goto(HERE + "/")
    context.close()
    if complaint is None:
        watch.assert_clean()
    else:
        (found,) = watch.complaints
        assert complaint in found


def test_without_chromium_it_is_said_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NoChromium, match="apt-get install -y chromium"):
        executable()
