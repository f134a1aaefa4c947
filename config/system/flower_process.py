"""Runs Flower for watching only: `python -m config.system.flower_process -A config.celery flower ...`.

Flower's API sends any task to any queue for whoever may open it. `--read-only` has its handlers refuse that; here nothing that is
not read gets to a handler, whatever a proxy before it has made of the address. Its numbers for Prometheus ask for the password.
"""

from __future__ import annotations

import logging
import os
from typing import Any

import tornado.web
from celery.__main__ import main
from flower.app import Flower
from flower.views.monitor import Metrics

from config.flower_events import keep_readable_events
from config.system.boot.secret_files import read_secret_files
from orchestration.broker.broadcasts import keep_clocks_whole
from orchestration.broker.unpacking import bound_unpacking

READING = frozenset({"GET", "HEAD"})
TASK_LIST = "/tasks/datatable"
"""Asked for by POST, because what it asks is long; it changes nothing."""


def is_reading(method: str | None, path: str, prefix: str) -> bool:
    """Whether a request only reads. The path is the raw one: `..` or `%2e` in it make it another."""
    prefix = prefix.strip("/")
    return method in READING or (method == "POST" and path == (f"/{prefix}" if prefix else "") + TASK_LIST)


class WatchingOnly(Flower):  # type: ignore[misc]  # Flower has no types
    """Flower that answers 403 to all that is not reading."""

    def find_handler(self, request: Any, **kwargs: Any) -> Any:
        """Return the handler of a request."""
        if is_reading(request.method, request.path, self.options.url_prefix or ""):
            return super().find_handler(request, **kwargs)
        return self.get_handler_delegate(request, tornado.web.ErrorHandler, {"status_code": 403})


def be_quiet() -> None:
    """Keep its lines to what somebody has to look at: at every start it asks workers that are not there yet, and is told nothing."""
    logging.getLogger("flower.inspector").setLevel(logging.ERROR)
    logging.getLogger("kombu.mixins").setLevel(logging.WARNING)


def watch_only() -> None:
    """Have the command `flower` of this process make our kind of Flower. Idempotent."""
    import flower.command

    flower.command.Flower = WatchingOnly
    Metrics.get = tornado.web.authenticated(Metrics.get)


if __name__ == "__main__":
    read_secret_files(os.environ)  # before Flower reads its options there
    watch_only()
    keep_readable_events()
    bound_unpacking()
    keep_clocks_whole()
    be_quiet()
    main()
