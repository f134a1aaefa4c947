"""Who may see Flower behind a proxy that asks us."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

ASK = "/admin/access/flower/"


@pytest.fixture
def staff(db: None) -> User:
    ada = User.objects.create_user("ada", password="right-and-long-enough", is_staff=True)
    ada.user_permissions.add(Permission.objects.get(codename="view_flower"))
    return ada


def test_staff_with_the_permission_may(client: Client, staff: User) -> None:
    client.force_login(staff)
    response = client.get(ASK)
    assert (response.status_code, response.content) == (204, b"")
    assert "no-store" in response["Cache-Control"]


def test_staff_without_the_permission_may_not_and_is_not_asked_to_sign_in_again(
    client: Client, staff: User
) -> None:
    staff.user_permissions.clear()
    client.force_login(staff)
    assert client.get(ASK).status_code == 403
    assert client.get(ASK + "?login").status_code == 403


@pytest.mark.parametrize("field", ["is_staff", "is_active"])
def test_others_may_not_and_an_account_that_was_closed_no_longer(
    client: Client, staff: User, field: str
) -> None:
    assert client.get(ASK).status_code == 401
    client.force_login(staff)
    User.objects.filter(pk=staff.pk).update(**{field: False})
    assert client.get(ASK).status_code == 401


@pytest.mark.parametrize(
    ("wanted", "back"),
    [
        ("/flower/tasks?limit=5", "%2Fflower%2Ftasks%3Flimit%3D5"),
        ("//evil.example/", "%2F"),
        ("https://evil.example/", "%2F"),
        (None, "%2F"),
    ],
)
def test_a_proxy_that_hands_our_answer_on_can_have_the_way_to_the_login(
    client: Client, db: None, wanted: str | None, back: str
) -> None:
    response = client.get(ASK + "?login", headers={"X-Forwarded-Uri": wanted} if wanted else {})
    assert (response.status_code, response["Location"]) == (302, f"/admin/login/?next={back}")


def test_asking_changes_nothing(client: Client, staff: User) -> None:
    client.force_login(staff)
    assert client.post(ASK).status_code == 405
