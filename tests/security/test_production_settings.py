"""Production as a process sees it: what it refuses to start with, Django's own check, and the cookies it sets."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from config.system.boot.paths import PROJECT
from tests.bootstrap.running_system import clean_environment


def production(tmp_path: Path, **changed: str) -> dict[str, str]:
    """The environment of a reasonable installation; a variable changed to "" is not set."""
    environment = {
        **clean_environment(),
        "ORDERLY_ENV": "production",
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "SECRET_KEY": secrets.token_urlsafe(64),
        "ORDERLY_ALLOWED_HOSTS": "shop.example",
        "DATABASE_URL": "postgres://web@db.example/orderly?sslmode=verify-full",
        "ORDERLY_OWNER_DATABASE_URL": "postgres://owner@db.example/orderly?sslmode=verify-full",
        "CELERY_BROKER_URL": "amqps://web@rabbit.example//",
        "CELERY_RESULT_BACKEND": "rediss://redis.example/1?ssl_cert_reqs=required",
        "ORDERLY_DATA_DIR": str(tmp_path),
        "ORDERLY_MAIL_DIR": str(tmp_path),
        **changed,
    }
    return {name: value for name, value in environment.items() if value}


def run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        env=environment,
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=120,
    )


def check(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return run(environment, "-m", "django", "check", "--deploy", "--fail-level", "WARNING")


def test_djangos_deployment_check_finds_nothing_to_warn_of(tmp_path: Path) -> None:
    ended = check(production(tmp_path))
    assert (ended.returncode, ended.stdout.strip()) == (
        0,
        "System check identified no issues (1 silenced).",
    ), ended.stderr


def test_one_role_of_the_database_for_everything_is_warned_of(tmp_path: Path) -> None:
    ended = check(production(tmp_path, ORDERLY_OWNER_DATABASE_URL=""))
    assert (ended.returncode, "config.W001" in ended.stderr) == (1, True), ended.stderr


def test_connections_beyond_this_host_without_tls_are_warned_of(tmp_path: Path) -> None:
    ended = check(production(tmp_path, CELERY_BROKER_URL="amqp://web:hidden@rabbit.example//"))
    assert (ended.returncode, "CELERY_BROKER_URL leads to rabbit.example without TLS" in ended.stderr) == (
        1,
        True,
    )
    assert "hidden" not in ended.stderr


def test_an_owner_of_another_database_is_refused_in_words(tmp_path: Path) -> None:
    ended = check(production(tmp_path, ORDERLY_OWNER_DATABASE_URL="postgres://owner:hidden@db.example/other"))
    assert (ended.returncode, "they are two roles of one database" in ended.stderr) == (1, True), ended.stderr
    assert "hidden" not in ended.stderr


def test_with_preloading_nothing_is_silenced(tmp_path: Path) -> None:
    ended = check(production(tmp_path, ORDERLY_HSTS_PRELOAD="yes"))
    assert (ended.returncode, "0 silenced" in ended.stdout) == (0, True), ended.stderr


def test_manage_py_runs_the_check_with_the_key_it_generates(tmp_path: Path) -> None:
    environment = {
        **clean_environment(),
        "ORDERLY_ENV": "production",
        "ORDERLY_ALLOWED_HOSTS": "shop.example",
    }
    arguments = ("manage.py", "check", "--deploy", "--fail-level", "WARNING", "--data-dir", str(tmp_path))
    ended = run(
        {
            **environment,
            "CELERY_BROKER_URL": "rediss://redis.example/0?ssl_cert_reqs=required",
            "DATABASE_URL": "postgres://db.example/o?sslmode=require",
            "ORDERLY_OWNER_DATABASE_URL": "postgres://owner@db.example/o?sslmode=require",
        },
        *arguments,
    )
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("", "SECRET_KEY is not set"),
        ("changeme", "it has 8 characters and needs 50"),
        ("ab" * 40, "it repeats a few characters"),
        ("django-insecure-" + "k3y8w2qpz" * 8, "Django made for development"),
    ],
)
def test_a_start_without_a_strong_key_is_refused_in_words(tmp_path: Path, key: str, words: str) -> None:
    ended = run(production(tmp_path, SECRET_KEY=key), "-c", "from config.wsgi import application")
    assert ended.returncode != 0
    assert words in ended.stderr
    assert not key or key not in ended.stderr


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("ORDERLY_ALLOWED_HOSTS", "", "ORDERLY_ALLOWED_HOSTS is not set"),
        ("ORDERLY_TRUSTED_PROXIES", "nginx", "must be a number of proxies or a list"),
        ("ORDERLY_LIMITS", "basket=often", "write it like 20/minute"),
        ("ORDERLY_LIMITS", "baskets=3/minute", "ORDERLY_LIMITS names 'baskets'"),
    ],
)
def test_settings_that_mean_nothing_are_refused_in_words(
    tmp_path: Path, variable: str, value: str, words: str
) -> None:
    ended = check(production(tmp_path, **{variable: value}))
    assert (ended.returncode, words in ended.stderr) == (1, True), ended.stderr


def test_cookies_and_transport_are_strict(tmp_path: Path) -> None:
    names = (
        "SESSION_COOKIE_NAME", "SESSION_COOKIE_SECURE", "SESSION_COOKIE_HTTPONLY", "SESSION_COOKIE_SAMESITE",
        "SESSION_COOKIE_DOMAIN", "SESSION_COOKIE_PATH", "CSRF_COOKIE_NAME", "CSRF_COOKIE_SECURE",
        "CSRF_COOKIE_HTTPONLY", "CSRF_COOKIE_SAMESITE", "CSRF_COOKIE_DOMAIN", "CSRF_COOKIE_PATH",
        "SECURE_HSTS_SECONDS", "SECURE_HSTS_INCLUDE_SUBDOMAINS", "SECURE_SSL_REDIRECT", "DEBUG",
        "ORDERLY_API_ANONYMOUS", "ORDERLY_API_DOCS_PUBLIC", "ORDERLY_DEMO", "ORDERLY_THROTTLING",
    )  # fmt: skip
    program = (
        "import json; from django.conf import settings; "
        f"print(json.dumps([getattr(settings, name) for name in {names!r}]))"
    )
    ended = run(production(tmp_path), "-c", program)
    assert dict(zip(names, json.loads(ended.stdout), strict=True)) == {
        "SESSION_COOKIE_NAME": "__Host-orderly_session",
        "SESSION_COOKIE_SECURE": True,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_DOMAIN": None,
        "SESSION_COOKIE_PATH": "/",
        "CSRF_COOKIE_NAME": "__Host-orderly_csrf",
        "CSRF_COOKIE_SECURE": True,
        "CSRF_COOKIE_HTTPONLY": True,
        "CSRF_COOKIE_SAMESITE": "Lax",
        "CSRF_COOKIE_DOMAIN": None,
        "CSRF_COOKIE_PATH": "/",
        "SECURE_HSTS_SECONDS": 31_536_000,
        "SECURE_HSTS_INCLUDE_SUBDOMAINS": True,
        "SECURE_SSL_REDIRECT": True,
        "DEBUG": False,
        "ORDERLY_API_ANONYMOUS": False,
        "ORDERLY_API_DOCS_PUBLIC": False,
        "ORDERLY_DEMO": False,
        "ORDERLY_THROTTLING": True,
    }
