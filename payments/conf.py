"""The settings of payments: from Django's settings, else from the environment, else a default that is safe.

| setting                  | environment              | meaning                                                    |
|--------------------------|--------------------------|------------------------------------------------------------|
| PAYMENTS_GATEWAY         | -                        | dotted path of the gateway's class                         |
| PAYMENTS_GATEWAY_URL     | ORDERLY_GATEWAY_URL      | where the gateway listens                                  |
| PAYMENTS_GATEWAY_SECRET  | ORDERLY_GATEWAY_SECRET   | our key there                                              |
| PAYMENTS_GATEWAY_TIMEOUT | ORDERLY_GATEWAY_TIMEOUT  | seconds one call may take altogether                       |
| PAYMENTS_GATEWAY_LEDGER  | ORDERLY_GATEWAY_LEDGER   | the ledger file in which the sandbox lists what it has done |
"""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

DEFAULT_TIMEOUT = 4.0
"""Seconds. A customer is waiting; the step's own timeout (30 s) has room for connecting, asking and looking up."""


def gateway_class() -> str:
    """Dotted path of the class that talks to the gateway."""
    return str(getattr(settings, "PAYMENTS_GATEWAY", "payments.gateway_http.HttpGateway"))


def gateway_url() -> str:
    """Address of the gateway, without a slash at the end."""
    return _required("PAYMENTS_GATEWAY_URL", "ORDERLY_GATEWAY_URL").rstrip("/")


def gateway_is_sandbox() -> bool:
    """Whether the gateway is the sandbox of this system: it listens on this machine alone, at an address that only its processes know."""
    host = urlsplit(_value("PAYMENTS_GATEWAY_URL", "ORDERLY_GATEWAY_URL")).hostname
    return host in (None, "127.0.0.1", "::1", "localhost")


def gateway_secret() -> str:
    """Our key at the gateway."""
    return _required("PAYMENTS_GATEWAY_SECRET", "ORDERLY_GATEWAY_SECRET")


def gateway_timeout() -> float:
    """Seconds one call may take altogether."""
    return float(_value("PAYMENTS_GATEWAY_TIMEOUT", "ORDERLY_GATEWAY_TIMEOUT") or DEFAULT_TIMEOUT)


def gateway_ledger() -> Path:
    """The ledger file of the sandbox gateway."""
    path = _value("PAYMENTS_GATEWAY_LEDGER", "ORDERLY_GATEWAY_LEDGER")
    return Path(path or Path(_required("DATA_DIR", "ORDERLY_DATA_DIR")) / "gateway.sqlite3")


def _value(setting: str, variable: str) -> str:
    return str(getattr(settings, setting, None) or os.environ.get(variable, ""))


def _required(setting: str, variable: str) -> str:
    value = _value(setting, variable)
    if not value:
        raise ImproperlyConfigured(
            f"Set {variable} in the environment (manage.py does) or {setting} in the settings."
        )
    return value
