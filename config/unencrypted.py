"""Connections that leave this host without TLS: `check --deploy` names them. What is read on the way has passwords and customers in it."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

import psutil
from django.conf import settings
from django.core import checks

_TLS = {"rediss", "amqps", "https"}
_TLS_MODES = {"require", "verify-ca", "verify-full"}
"""Of libpq. `prefer`, its default, takes what it gets."""
_HINT = (
    "PostgreSQL: ?sslmode=verify-full at the end of the address; Redis: rediss://…; RabbitMQ: amqps://…. Where another layer encrypts"
    " the whole way, silence this check: SILENCED_SYSTEM_CHECKS."
)


def is_on_this_host(host: str) -> bool:
    """Return whether what is sent to `host` never leaves this machine. Nobody is asked for names: what they mean may change."""
    name = host.strip().strip("[]").rstrip(".").lower()
    if not name or name.startswith(("/", "@")):
        return True  # the driver's default, or a socket in the file system
    if name == "localhost" or name.endswith(".localhost") or name == socket.gethostname().lower():
        return True
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_loopback or address.is_unspecified or str(address) in _own_addresses()


@checks.register(checks.Tags.security, deploy=True)
def connections_without_tls(**_: Any) -> list[checks.CheckMessage]:
    """Name each, by the variable that says where it leads and by the host; never by its address, which has a password in it."""
    return [
        checks.Warning(f"{name} leads to {host} without TLS.", hint=_HINT, id="config.W003")
        for name, host in sorted({*_databases(), *_brokers(), *_services(), *_mail()})
    ]


def _databases() -> Iterator[tuple[str, str]]:
    variables = {"default": "DATABASE_URL", "owner": "ORDERLY_OWNER_DATABASE_URL"}
    for alias, entry in settings.DATABASES.items():
        options = entry.get("OPTIONS") or {}
        mode = options.get("sslmode") or os.environ.get("PGSSLMODE", "")
        encrypted = (
            mode in _TLS_MODES
            or options.get("sslrootcert") == "system"
            or options.get("gssencmode") == "require"
        )
        hosts = str(entry.get("HOST") or options.get("hostaddr") or os.environ.get("PGHOST", ""))
        if not encrypted:
            yield from _beyond(variables.get(alias, f"DATABASES[{alias!r}]"), hosts.split(","))


def _brokers() -> Iterator[tuple[str, str]]:
    for name, switch in (
        ("CELERY_BROKER_URL", "CELERY_BROKER_USE_SSL"),
        ("CELERY_RESULT_BACKEND", "CELERY_REDIS_BACKEND_USE_SSL"),
        ("ORDERLY_LIMITS_URL", ""),
    ):
        said = getattr(settings, name, None) or ""
        if switch and getattr(settings, switch, None):
            continue
        # Several, for failing over, are written with semicolons or as a list.
        for url in said.split(";") if isinstance(said, str) else said:
            yield from _of_url(name, str(url).strip())


def _services() -> Iterator[tuple[str, str]]:
    for name, setting in (
        ("ORDERLY_GATEWAY_URL", "PAYMENTS_GATEWAY_URL"),
        ("ORDERLY_CARRIER_URL", "SHIPPING_CARRIER_URL"),
    ):
        yield from _of_url(name, str(getattr(settings, setting, None) or os.environ.get(name, "")))


def _mail() -> Iterator[tuple[str, str]]:
    is_sent = str(settings.EMAIL_BACKEND).endswith("smtp.EmailBackend")
    if is_sent and not (settings.EMAIL_USE_TLS or settings.EMAIL_USE_SSL):
        yield from _beyond("ORDERLY_SMTP_HOST", [str(settings.EMAIL_HOST)])


def _of_url(name: str, url: str) -> Iterator[tuple[str, str]]:
    scheme, separator, _ = url.partition("://")
    if separator and scheme.lower() not in _TLS:
        yield from _beyond(name, [urlsplit(url).hostname or ""])


def _beyond(name: str, hosts: Iterable[str]) -> Iterator[tuple[str, str]]:
    for host in hosts:
        if not is_on_this_host(host):
            yield name, host.strip()


def _own_addresses() -> set[str]:
    return {
        each.address.partition("%")[0]
        for addresses in psutil.net_if_addrs().values()
        for each in addresses
        if each.family in {socket.AF_INET, socket.AF_INET6}
    }
