"""The WSGI application the web server runs: `config.wsgi:application`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

from django.core.wsgi import get_wsgi_application

from config.web.environ import refuse_content_type

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

_django = get_wsgi_application()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer one request, after what Django would stumble over before any middleware of ours is called."""
    refuse_content_type(environ)
    return _django(environ, start_response)
