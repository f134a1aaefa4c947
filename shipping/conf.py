"""The settings of shipping: from Django's settings, else from the environment, else a default that is safe.

| setting                  | environment              | meaning                                                       |
|--------------------------|--------------------------|---------------------------------------------------------------|
| SHIPPING_CARRIER         | -                        | dotted path of the carrier's class                            |
| SHIPPING_CARRIER_URL     | ORDERLY_CARRIER_URL      | where the carrier listens                                     |
| SHIPPING_CARRIER_SECRET  | ORDERLY_CARRIER_SECRET   | shared secret(s) of the webhooks, by commas, the newest first |
| SHIPPING_CARRIER_TIMEOUT | ORDERLY_CARRIER_TIMEOUT  | seconds one call may take altogether                          |
| SHIPPING_CARRIER_LEDGER  | ORDERLY_CARRIER_LEDGER   | the ledger file in which the sandbox lists what it has done   |
"""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from shipping.standard_webhooks import read_secrets

DEFAULT_TIMEOUT = 4.0
"""Seconds. The step's own timeout (30 s) has room for connecting, asking and looking up."""


def carrier_class() -> str:
    """Dotted path of the class that talks to the carrier."""
    return str(getattr(settings, "SHIPPING_CARRIER", "shipping.carrier_http.HttpCarrier"))


def carrier_url() -> str:
    """Address of the carrier, without a slash at the end."""
    return _required("SHIPPING_CARRIER_URL", "ORDERLY_CARRIER_URL").rstrip("/")


def carrier_is_sandbox() -> bool:
    """Whether the carrier is the sandbox of this system: it listens on this machine alone, at an address that only its processes know."""
    host = urlsplit(_value("SHIPPING_CARRIER_URL", "ORDERLY_CARRIER_URL")).hostname
    return host in (None, "127.0.0.1", "::1", "localhost")


def carrier_secrets() -> tuple[bytes, ...]:
    """The secrets a webhook may be signed with, the newest first."""
    try:
        return read_secrets(_required("SHIPPING_CARRIER_SECRET", "ORDERLY_CARRIER_SECRET"))
    except ValueError as error:
        raise ImproperlyConfigured(f"ORDERLY_CARRIER_SECRET: {error}") from None


def carrier_timeout() -> float:
    """Seconds one call may take altogether."""
    return float(_value("SHIPPING_CARRIER_TIMEOUT", "ORDERLY_CARRIER_TIMEOUT") or DEFAULT_TIMEOUT)


def carrier_ledger() -> Path:
    """The ledger file of the sandbox carrier."""
    path = _value("SHIPPING_CARRIER_LEDGER", "ORDERLY_CARRIER_LEDGER")
    return Path(path or Path(_required("DATA_DIR", "ORDERLY_DATA_DIR")) / "carrier.sqlite3")


def _value(setting: str, variable: str) -> str:
    return str(getattr(settings, setting, None) or os.environ.get(variable, ""))


def _required(setting: str, variable: str) -> str:
    value = _value(setting, variable)
    if not value:
        raise ImproperlyConfigured(
            f"Set {variable} in the environment (manage.py does) or {setting} in the settings."
        )
    return value
