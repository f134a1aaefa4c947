"""Who a request comes from, where proxies stand before us: `REMOTE_ADDR` becomes the client's own address, once, for all.

What a proxy says is believed only from a known one; from anybody else its headers are removed before anything reads them,
`X-Forwarded-Proto` included.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from django.http.response import HttpResponseBase

log = logging.getLogger("config.security")

Network = IPv4Network | IPv6Network
Proxies = int | Sequence[Network]
"""How many proxies every request passes, or the addresses they may have."""

_SAID_BY_PROXIES = (
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PORT",
    "HTTP_X_REAL_IP",
    "HTTP_FORWARDED",
)


def read_proxies(words: Sequence[str]) -> Proxies:
    """Return what ORDERLY_TRUSTED_PROXIES says: one number, or addresses and networks; raise ImproperlyConfigured."""
    if len(words) == 1 and words[0].isdecimal():
        return int(words[0])
    try:
        return [ip_network(word) for word in words]
    except ValueError as error:
        raise ImproperlyConfigured(
            f"ORDERLY_TRUSTED_PROXIES must be a number of proxies or a list such as 127.0.0.1,10.0.0.0/8: {error}."
        ) from None


def is_known(peer: str, proxies: Proxies) -> bool:
    """Whether what `peer` says of the client is believed."""
    return proxies > 0 if isinstance(proxies, int) else _is_one_of(_parse(peer), proxies)


def client_address(peer: str, forwarded_for: str, proxies: Proxies) -> str:
    """Return the address of the client behind `peer`, a known proxy.

    Read from the right, where each proxy adds whom it heard: what stands left of the last unknown hop was written by
    the client itself. A hop that is no address ends the reading at the proxy that passed it on.
    """
    hops = [*reversed([part.strip() for part in forwarded_for.split(",") if part.strip()])]
    believed = peer
    for number, hop in enumerate(hops, start=1):
        address = _parse(hop)
        if address is None:
            break
        believed = str(address)
        if number == proxies if isinstance(proxies, int) else not _is_one_of(address, proxies):
            break
    return believed


class TrustedProxies:
    """Middleware, before all others. Setting: `ORDERLY_TRUSTED_PROXIES`."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response
        self._has_warned = False

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Set `REMOTE_ADDR`, or forget what an unknown proxy says."""
        proxies: Proxies = settings.ORDERLY_TRUSTED_PROXIES
        meta = request.META
        peer = str(meta.get("REMOTE_ADDR", ""))
        if is_known(peer, proxies):
            meta["REMOTE_ADDR"] = client_address(peer, str(meta.get("HTTP_X_FORWARDED_FOR", "")), proxies)
        else:
            said = [name for name in _SAID_BY_PROXIES if meta.pop(name, None) is not None]
            if said and not self._has_warned:
                # Behind a proxy nobody named, every request would be sent to https for ever: say why.
                self._has_warned = True
                log.warning(
                    "%s sends headers of a proxy and is not one of ORDERLY_TRUSTED_PROXIES; they are ignored",
                    peer,
                )
        return self._get_response(request)


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    # Some proxies add the port: 192.0.2.1:4711 or [2001:db8::1]:4711.
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _is_one_of(address: IPv4Address | IPv6Address | None, networks: Sequence[Network]) -> bool:
    return address is not None and any(address in network for network in networks)
