"""Cookies as they are set, and how long a session lasts."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

DAY = 24 * 60 * 60


def seconds_left(key: str) -> float:
    return (Session.objects.get(pk=key).expire_date - timezone.now()).total_seconds()


def test_signing_in_gives_a_new_session_that_keeps_the_customers_name(client: Client, db: None) -> None:
    User.objects.create_superuser("ada", password="right-and-long-enough")
    before = client.session
    before["customer"] = "kept"
    before.save()
    client.post("/admin/login/", {"username": "ada", "password": "right-and-long-enough", "next": "/admin/"})
    after = client.session
    assert after.session_key != before.session_key
    assert after["customer"] == "kept"


def test_a_customers_session_outlives_the_longest_back_order(client: Client, db: None) -> None:
    session = client.session
    session["customer"] = "kept"
    session.save()
    assert session.session_key is not None
    assert seconds_left(session.session_key) > 60 * DAY


def test_cookies_are_closed_to_scripts_and_to_other_sites(
    client: Client, db: None, settings: Settings
) -> None:
    client.get("/admin/login/")
    csrf = client.cookies[settings.CSRF_COOKIE_NAME]
    assert (csrf["httponly"], csrf["samesite"], csrf["domain"], csrf["path"]) == (True, "Lax", "", "/")
    User.objects.create_superuser("ada", password="right-and-long-enough")
    client.post("/admin/login/", {"username": "ada", "password": "right-and-long-enough", "next": "/admin/"})
    session = client.cookies[settings.SESSION_COOKIE_NAME]
    assert (session["httponly"], session["samesite"], session["domain"], session["path"]) == (
        True, "Lax", "", "/",
    )  # fmt: skip
    assert set(client.cookies) == {settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME}
