"""`check --deploy` names each connection that leaves the host without TLS, and no other, and no password."""

from __future__ import annotations

import socket
from typing import Any

import psutil
import pytest
from django.core import checks

from config.unencrypted import connections_without_tls, is_on_this_host

AT_HOME = "redis://127.0.0.1:6379/0"


def named() -> set[str]:
    found = connections_without_tls()
    assert {each.id for each in found} <= {"config.W003"}
    assert not any("hidden" in each.msg for each in found)
    return {each.msg.split(" leads to ")[0] for each in found}


def own_address() -> str:
    return next(
        each.address
        for addresses in psutil.net_if_addrs().values()
        for each in addresses
        if each.family == socket.AF_INET
    )


@pytest.fixture(autouse=True)
def _at_home(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.CELERY_BROKER_URL = settings.CELERY_RESULT_BACKEND = settings.ORDERLY_LIMITS_URL = AT_HOME
    monkeypatch.setattr("config.unencrypted.settings.DATABASES", {"default": {"HOST": "127.0.0.1"}})
    for name in ("PGSSLMODE", "PGHOST", "ORDERLY_GATEWAY_URL", "ORDERLY_CARRIER_URL"):
        monkeypatch.delenv(name, raising=False)


def test_on_one_host_nothing_is_said() -> None:
    assert named() == set()


@pytest.mark.parametrize("setting", ["CELERY_BROKER_URL", "CELERY_RESULT_BACKEND", "ORDERLY_LIMITS_URL"])
@pytest.mark.parametrize(
    ("url", "is_named"),
    [
        ("redis://:hidden@redis.example:6379/0", True),
        ("REDIS://:hidden@10.0.0.7/0", True),
        ("amqp://u:hidden@rabbit.example//", True),
        ("pyamqp://u:hidden@[2001:db8::1]:5672//", True),
        (f"{AT_HOME};redis://:hidden@other.example/0", True),
        (["amqps://a.example//", "amqp://u:hidden@b.example//"], True),
        ("rediss://:hidden@redis.example:6379/0", False),
        ("amqps://u:hidden@rabbit.example//", False),
        ("amqp://u:hidden@localhost//", False),
        ("amqp://", False),
        ("redis+socket:///run/redis.sock", False),
        ("redis://[::1]:6379/0", False),
        ("django-db", False),
    ],
)
def test_a_broker_or_result_backend(settings: Any, setting: str, url: Any, is_named: bool) -> None:
    setattr(settings, setting, url)
    assert named() == ({setting} if is_named else set())


def test_tls_may_also_be_a_setting_of_celery(settings: Any) -> None:
    settings.CELERY_BROKER_URL = settings.CELERY_RESULT_BACKEND = "redis://:hidden@redis.example/0"
    settings.CELERY_BROKER_USE_SSL = settings.CELERY_REDIS_BACKEND_USE_SSL = {"ssl_cert_reqs": "required"}
    assert named() == set()


@pytest.mark.parametrize(
    ("entry", "is_named"),
    [
        ({"HOST": "db.example", "PASSWORD": "hidden"}, True),
        ({"HOST": "db.example", "OPTIONS": {"sslmode": "prefer"}}, True),
        ({"HOST": "db.example", "OPTIONS": {"sslmode": "disable"}}, True),
        ({"HOST": "127.0.0.1,db.example"}, True),
        ({"HOST": "", "OPTIONS": {"hostaddr": "192.0.2.1"}}, True),
        ({"HOST": "db.example", "OPTIONS": {"sslmode": "require"}}, False),
        ({"HOST": "db.example", "OPTIONS": {"sslmode": "verify-full"}}, False),
        ({"HOST": "db.example", "OPTIONS": {"sslrootcert": "system"}}, False),
        ({"HOST": "/var/run/postgresql"}, False),
        ({"HOST": ""}, False),
        ({"HOST": "localhost"}, False),
    ],
)
@pytest.mark.parametrize(
    ("alias", "variable"), [("default", "DATABASE_URL"), ("owner", "ORDERLY_OWNER_DATABASE_URL")]
)
def test_a_database(
    monkeypatch: pytest.MonkeyPatch, alias: str, variable: str, entry: dict[str, Any], is_named: bool
) -> None:
    monkeypatch.setattr("config.unencrypted.settings.DATABASES", {alias: entry})
    assert named() == ({variable} if is_named else set())


def test_what_the_driver_takes_from_the_environment_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("config.unencrypted.settings.DATABASES", {"default": {"HOST": ""}})
    monkeypatch.setenv("PGHOST", "db.example")
    assert named() == {"DATABASE_URL"}
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    assert named() == set()


def test_providers_and_mail_are_named_as_well(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERLY_GATEWAY_URL", "http://pay.example")
    monkeypatch.setenv("ORDERLY_CARRIER_URL", "https://carrier.example")
    settings.PAYMENTS_GATEWAY_URL = settings.SHIPPING_CARRIER_URL = None
    settings.EMAIL_BACKEND, settings.EMAIL_HOST = (
        "django.core.mail.backends.smtp.EmailBackend",
        "mail.example",
    )
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    assert named() == {"ORDERLY_GATEWAY_URL", "ORDERLY_SMTP_HOST"}
    settings.EMAIL_USE_TLS = True
    assert named() == {"ORDERLY_GATEWAY_URL"}


@pytest.mark.parametrize(
    ("host", "is_here"),
    [
        ("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("::ffff:127.0.0.1", True), ("0.0.0.0", True), ("LOCALHOST.", True),
        ("app.localhost", True), (own_address(), True), (socket.gethostname(), True),
        ("192.0.2.1", False), ("2001:db8::1", False), ("localhost.example", False), ("127.0.0.1.example", False),
    ],
)  # fmt: skip
def test_what_is_on_this_host(host: str, is_here: bool) -> None:
    assert is_on_this_host(host) is is_here


def test_it_is_asked_before_a_deployment_and_not_each_time() -> None:
    assert connections_without_tls in checks.registry.registry.get_checks(include_deployment_checks=True)
    assert connections_without_tls not in checks.registry.registry.get_checks()
