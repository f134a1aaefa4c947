"""The Redis transport of this project: kombu's, with one client for each channel, encrypted where the address says so."""

from __future__ import annotations

from typing import Any

from celery import current_app
from kombu import Connection

from orchestration import redis_transport


def test_addresses_of_redis_are_reached_by_it_and_shown_as_they_are() -> None:
    for address in ("redis://127.0.0.1:6379/0", "rediss://127.0.0.1:6379/0?ssl_cert_reqs=none"):
        connection = Connection(address)
        assert isinstance(connection.transport, redis_transport.Transport)
        assert connection.as_uri().partition("://")[0] == address.partition("://")[0]


def test_an_encrypted_address_stays_encrypted() -> None:
    assert Connection("rediss://127.0.0.1:6379/0?ssl_cert_reqs=none").ssl
    assert not Connection("redis://127.0.0.1:6379/0").ssl


def test_a_channel_keeps_its_client_until_it_has_another_pool() -> None:
    with current_app.connection() as connection:
        channel: Any = connection.channel()
        first = channel._create_client()
        assert channel._create_client() is first
        channel._pool = None
        assert channel._create_client() is not first
