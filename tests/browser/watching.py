"""What a page must never do: ask another host for something, write an error to the console, leave an error uncaught."""

from __future__ import annotations

from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Request, WebError


class Watch:
    """Collects what the pages of one context did wrong; a broken content security policy is an error on the console."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.complaints: list[str] = []
        self._host = urlsplit(url).netloc
        self._allowed: list[str] = []
        context.on("request", self._asked)
        context.on("console", self._said)
        context.on("weberror", self._threw)

    def allow(self, words: str) -> None:
        """Expect an error that has these words in it, as the browser writes one for an answer such as 404."""
        self._allowed.append(words)

    def assert_clean(self) -> None:
        """Nothing was done wrong."""
        assert self.complaints == []

    def _asked(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme not in ("data", "blob") and address.netloc != self._host:
            self._complain(f"request to another host: {request.url}")

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._complain(f"console error: {message.text} ({message.location.get('url', '')})")

    def _threw(self, error: WebError) -> None:
        self._complain(f"uncaught error: {error.error}")

    def _complain(self, complaint: str) -> None:
        if not any(words in complaint for words in self._allowed):
            self.complaints.append(complaint)
