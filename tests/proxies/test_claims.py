"""What a client says of itself, through each documented proxy: it chooses neither its address nor its protocol."""

from __future__ import annotations

import pytest

from tests.proxies.documented import Proxy
from tests.proxies.raw_client import ask

pytestmark = pytest.mark.proxies

FROM = {"nginx": "127.0.0.2", "caddy": "127.0.0.3"}
"""Each proxy has a client of its own, so that one is not refused for what the other has sent."""


@pytest.mark.parametrize(
    "name", ["X_Forwarded_For", "x-forwarded_for", "X-Forwarded-For", "X_Real_IP", "Forwarded"]
)
def test_a_client_does_not_choose_its_address(proxy: Proxy, name: str) -> None:
    statuses = [
        ask(
            proxy.port,
            "POST",
            "/api/orders",
            {name: f"198.51.100.{number}", "Content-Type": "application/json"},
            b"{}",
            from_address=FROM[proxy.kind],
        ).status
        for number in range(4)
    ]
    # Three a minute for one address: whichever of these tests is the first sees three that are judged.
    assert statuses[3] == 429, statuses


@pytest.mark.parametrize(
    "name", ["X_Forwarded_Proto", "X_Forwarded-Proto", "X-Forwarded-Proto", "X-Forwarded-Ssl"]
)
def test_a_client_does_not_choose_its_protocol(proxy: Proxy, name: str) -> None:
    # Believed, it would be sent to https, where it is already.
    assert ask(proxy.port, "GET", "/", {name: "http"}).status == 200


def test_a_header_with_an_underscore_is_none_of_ours(proxy: Proxy) -> None:
    response = ask(
        proxy.port,
        "POST",
        "/hooks/carrier",
        {"webhook_signature": "v1,x", "webhook_id": "a", "webhook_timestamp": "1"},
        b"{}",
    )
    assert response.status == 401


def test_an_account_is_guessed_at_four_times_a_minute_from_however_many_addresses(proxy: Proxy) -> None:
    form = b"username=nobody-%s&password=guess" % proxy.kind.encode()
    statuses = [
        ask(
            proxy.port,
            "POST",
            "/admin/login/",
            {
                "Content-Type": "application/x-www-form-urlencoded",
                "Referer": "https://shop.example/",
                **_token(),
            },
            form + b"&csrfmiddlewaretoken=" + b"a" * 32,
            from_address=f"127.0.1.{number + 1}",
        ).status
        for number in range(6)
    ]
    assert statuses == [200] * 4 + [429] * 2


def _token() -> dict[str, str]:
    return {"Cookie": "__Host-orderly_csrf=" + "a" * 32}
