"""Whatever somebody who may do everything puts into an address or a form of the admin, the answer is no error of ours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.test import Client, RequestFactory
from django.urls import reverse

from tests.admin.test_every_page import rows
from tests.security.routes import routes

__all__ = ["rows"]

RUBBISH = (
    "x", "", "-1", "0", "9" * 30, "1e9", "1.5", " 1", "nan", "%", "'", "\u0661", "\U0001f600", "a" * 5000, "[]", "{}", "None", "True",
    "00000000-0000-4000-8000-000000000000", "2026-13-45", "0001-01-01", "9999-12-31T23:59:59-14:00", "//evil.example", "id", "pk",
    "password", "1,2", "_31", "__init__", "\x7f", "\u202e",
)  # fmt: skip
NAMES = (
    "q", "p", "o", "e", "action", "index", "select_across", "_selected_action", "_popup", "_to_field", "_facets", "_changelist_filters",
    "_saveasnew", "_continue", "_addanother", "post", "next", "app_label", "model_name", "field_name", "term", "object_id", "all",
    "_source_model", "form-TOTAL_FORMS", "form-INITIAL_FORMS", "form-0-id", "lines-TOTAL_FORMS", "lines-INITIAL_FORMS", "lines-0-id",
    "id", "pk", "reason", "units", "step", "seen", "usable_password", "groups", "user_permissions", "date_joined_0", "last_login_0",
)  # fmt: skip


@pytest.fixture
def root(db: None) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(User.objects.create_superuser("ada", password="right-and-long-enough"))
    return client


@pytest.fixture
def there(rows: list[Any], root: Client) -> list[Any]:
    """A row of each kind, so that the pages have something to show and the actions something to do."""
    return [*rows, Group.objects.create(name="g"), User.objects.create_user("bob")]


def _pages(there: list[Any]) -> Iterator[str]:
    for route in routes():
        if route.name.startswith("admin:") and "logout" not in route.path:
            yield route.path
    for row in there:
        label = row._meta.label_lower.replace(".", "_")
        for page in ("change", "history", "delete"):
            yield reverse(f"admin:{label}_{page}", args=[row.pk])
    yield reverse("admin:auth_user_password_change", args=[there[-1].pk])


def _lists() -> Iterator[tuple[str, Any]]:
    for model, page in admin.site._registry.items():
        yield reverse(f"admin:{model._meta.label_lower.replace('.', '_')}_changelist"), page


def test_no_rubbish_in_an_address_is_an_error_of_ours(there: list[Any], root: Client) -> None:
    wrong: list[Any] = []
    for place, path in enumerate(dict.fromkeys(_pages(there))):
        # One value under half of the names, since an early name may hide a later one; over all pages, each comes under each.
        for half in (0, 1):
            value = RUBBISH[(place + half * 13) % len(RUBBISH)]
            _tell(wrong, root.get(path, dict.fromkeys(NAMES[half::2], value)), path, value)
    for place, (address, _) in enumerate(_lists()):
        for number, value in enumerate(RUBBISH[place % 2 :: 2]):
            name = ("p", "o", "q", "_popup", "_to_field", "_facets", "e", "all")[(place + number) % 8]
            _tell(wrong, root.get(address, {name: value}), address, {name: value})
    assert wrong == []


def test_no_rubbish_as_the_id_of_a_row_is_an_error_of_ours(there: list[Any], root: Client) -> None:
    wrong: list[Any] = []
    for place, (address, _) in enumerate(_lists()):
        for number, value in enumerate(RUBBISH):
            rest = ("change/", "history/", "delete/", "", "password/")[(place + number) % 5]
            path = f"{address}{quote(value, safe='')}/{rest}"
            for method in (root.get, root.post):
                _tell(wrong, method(path), path)
    assert wrong == []


def test_no_rubbish_in_an_action_is_an_error_of_ours(there: list[Any], root: Client) -> None:
    request = RequestFactory().get("/")
    request.user = User.objects.get(username="ada")
    wrong: list[Any] = []
    for place, (address, page) in enumerate(_lists()):
        for action in (*page.get_actions(request), "x"):
            for number, value in enumerate(RUBBISH):
                form = {
                    "action": action,
                    "_selected_action": value,
                    **_more(action, value)[(place + number) % 5],
                }
                _tell(wrong, root.post(address, form), address, form)
    assert wrong == []


def test_no_rubbish_in_a_form_is_an_error_of_ours(there: list[Any], root: Client) -> None:
    wrong: list[Any] = []
    for place, path in enumerate(dict.fromkeys(_pages(there))):
        fields = _fields_of(root.get(path))
        for turn in range(2):
            value = RUBBISH[(place + turn * 11) % len(RUBBISH)]
            for form in (dict.fromkeys(NAMES, value), dict.fromkeys(fields, value)):
                _tell(wrong, root.post(path, form), path, value)
    assert wrong == []


def _more(action: str, value: str) -> list[dict[str, Any]]:
    return [{}, {"post": "yes"}, {"select_across": value}, {"index": value}, {"action": ["x", action]}]


def _tell(wrong: list[Any], answer: Any, *asked: object) -> None:
    if answer.status_code >= 500:
        wrong.append((answer.status_code, repr(getattr(answer, "exc_info", None))[:150], *asked))


def _fields_of(page: Any) -> list[str]:
    found = page.context.get("adminform") if page.context is not None else None
    return [*found.form.fields] if found is not None else []
