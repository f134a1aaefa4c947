"""Whom a request comes from: a table of chains of proxies, and what reaches the application."""

from __future__ import annotations

import logging

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from pytest_django import Settings

from config.security.client_address import Proxies, TrustedProxies, client_address, is_known, read_proxies

NEAR = read_proxies(["127.0.0.1", "10.0.0.0/8"])


@pytest.mark.parametrize(
    ("forwarded_for", "proxies", "client"),
    [
        ("", NEAR, "127.0.0.1"),
        ("203.0.113.7", NEAR, "203.0.113.7"),
        # What the client itself sent stands on the left, and is not believed.
        ("198.51.100.1, 203.0.113.7", NEAR, "203.0.113.7"),
        ("198.51.100.1, 203.0.113.7, 10.1.2.3", NEAR, "203.0.113.7"),
        ("203.0.113.7:4711", NEAR, "203.0.113.7"),
        ("[2001:db8::7]:4711", NEAR, "2001:db8::7"),
        ("::ffff:203.0.113.7", NEAR, "203.0.113.7"),
        ("203.0.113.7, unknown, 10.1.2.3", NEAR, "10.1.2.3"),
        ("' OR 1=1", NEAR, "127.0.0.1"),
        (",,203.0.113.7 ,", NEAR, "203.0.113.7"),
        ("10.9.9.9, 10.1.2.3", NEAR, "10.9.9.9"),
        ("198.51.100.1, 203.0.113.7", 1, "203.0.113.7"),
        ("198.51.100.1, 203.0.113.7, 192.0.2.5", 2, "203.0.113.7"),
        ("203.0.113.7", 2, "203.0.113.7"),
    ],
)
def test_the_client_is_left_of_the_last_known_proxy(
    forwarded_for: str, proxies: Proxies, client: str
) -> None:
    assert client_address("127.0.0.1", forwarded_for, proxies) == client


@pytest.mark.parametrize(
    ("peer", "proxies", "known"),
    [
        ("127.0.0.1", NEAR, True),
        ("10.200.1.1", NEAR, True),
        ("::ffff:10.0.0.1", NEAR, True),
        ("192.0.2.1", NEAR, False),
        ("", NEAR, False),
        ("192.0.2.1", 1, True),
        ("192.0.2.1", 0, False),
        ("127.0.0.1", [], False),
    ],
)
def test_a_peer_is_a_known_proxy_by_its_address_or_because_there_always_is_one(
    peer: str, proxies: Proxies, known: bool
) -> None:
    assert is_known(peer, proxies) is known


def test_words_that_are_no_proxies_are_refused_with_an_example() -> None:
    with pytest.raises(ImproperlyConfigured, match=r"127\.0\.0\.1,10\.0\.0\.0/8"):
        read_proxies(["nginx"])


def seen_by_the_application(peer: str) -> HttpRequest:
    seen: list[HttpRequest] = []

    def application(request: HttpRequest) -> HttpResponse:
        seen.append(request)
        return HttpResponse()

    headers = {
        "X-Forwarded-For": "203.0.113.7",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "evil.example",
    }
    TrustedProxies(application)(RequestFactory().get("/", REMOTE_ADDR=peer, headers=headers))
    return seen[0]


def test_only_a_known_proxy_says_who_calls_and_how(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.ORDERLY_TRUSTED_PROXIES = NEAR
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    behind = seen_by_the_application("10.0.0.4")
    assert (behind.META["REMOTE_ADDR"], behind.is_secure()) == ("203.0.113.7", True)
    with caplog.at_level(logging.WARNING, logger="config.security"):
        stranger = seen_by_the_application("192.0.2.1")
    assert (stranger.META["REMOTE_ADDR"], stranger.is_secure()) == ("192.0.2.1", False)
    assert not [name for name in stranger.headers if name.startswith("X-Forwarded")]
    assert "ORDERLY_TRUSTED_PROXIES" in caplog.text
