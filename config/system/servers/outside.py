"""Servers of the person's own, named by the environment: asked once, before anything is started against them."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from config.system.boot.progress import Refusal
from orchestration.core.definition.arguments import shown


def refuse_unreachable_database(url: str) -> None:
    """Raise Refusal, without the password, where the PostgreSQL at `url` does not let us in."""
    import dj_database_url
    import psycopg2

    try:
        settings = dj_database_url.parse(url)
        urlsplit(url).port  # noqa: B018 - raises where it is no number
    except (ValueError, KeyError, TypeError):
        raise _not_understood("database", POSTGRES) from None
    if "postgresql" not in str(settings.get("ENGINE")):
        raise Refusal(f"Orderly runs on PostgreSQL only: write its address {POSTGRES}.")
    try:
        psycopg2.connect(
            host=settings["HOST"] or None, port=settings["PORT"] or None, user=settings["USER"] or None,
            password=settings["PASSWORD"] or None, dbname=settings["NAME"], connect_timeout=5,
        ).close()  # fmt: skip
    except ValueError:  # characters that no address has
        raise _not_understood("database", POSTGRES) from None
    except psycopg2.Error as error:
        raise Refusal(f"PostgreSQL at {_shown(url)} cannot be used: {str(error).strip()}") from error


def refuse_unreachable_broker(url: str) -> None:
    """Raise Refusal, without the password, where the broker at `url` does not let us in."""
    import kombu

    try:
        parts = urlsplit(url)
        scheme, _ = parts.scheme, parts.port
        url.encode()
    except ValueError:
        raise _not_understood("broker", "redis://host:port or amqp://user:password@host:port") from None
    if scheme not in {"redis", "rediss", "amqp", "amqps", "pyamqp"}:
        raise Refusal(
            f"a broker is Redis (redis://...) or RabbitMQ (amqp://...), not {shown(scheme or url)}."
        )
    try:
        with kombu.Connection(
            url, connect_timeout=5, transport_options={"socket_connect_timeout": 5}
        ) as link:
            link.ensure_connection(max_retries=1, interval_start=0)
    except Exception as error:
        # Each transport has errors of its own kind; whatever it is, the broker cannot be used.
        raise Refusal(f"the broker at {_shown(url)} cannot be used: {error}") from error


def refuse_unreachable(*, databases: Iterable[str], broker: str, results: str) -> None:
    """Ask each address that is not empty; raises Refusal for the first that cannot be used."""
    for database in databases:
        if database:
            refuse_unreachable_database(database)
    for url in (broker, results):
        if url:
            refuse_unreachable_broker(url)


POSTGRES = "postgres://user:password@host:port/name"


def _not_understood(what: str, write: str) -> Refusal:
    """Says nothing of the address: there may be a password in it, in any place."""
    return Refusal(f"the address of the {what} is not understood: write it {write}.")


def _shown(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}{parts.path}"
