"""What nobody can make sense of is answered 400, at whatever address: text with a NUL, odd character sets, values beyond all bounds."""

from __future__ import annotations

import base64
from io import BytesIO
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client, RequestFactory
from pytest_django import Settings

from config.wsgi import application
from tests.orders.conftest import TOKEN
from tests.security.routes import Route
from tests.security.test_routes import everywhere

ODD = {
    "q": ["%ED%A0%80", "x" * 5000],
    "page": ["-1", "9" * 30],
    "p": ["-1", "9" * 30],
    "o": ["9" * 30, "1.2.3.-99"],
    "seen": ["9" * 30, "%F0%9F%98%80"],
    "next": ["//evil.example", "javascript:x"],
    "_to_field": ["id", "card"],
    "cursor": ["MDAwMS0wMS0wMVQwMDowMDowMCsxNDowMCAw", "x"],
    "limit": ["9" * 30, "0"],
    "lines": ["9" * 30, "%D9%A3"],
}


@pytest.fixture
def staff(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("ada", password="right-and-long-enough"))
    return client


def test_a_nul_is_400_in_a_query_in_a_path_and_in_a_cookie(client: Client) -> None:
    def judge(route: Route) -> Any:
        found = {
            "value": client.get(f"{route.path}?q=%00").status_code,
            "name": client.get(f"{route.path}?%00=1").status_code,
            "path": client.get(f"{route.path}%00").status_code,
            "cookie": client.get(route.path, headers={"Cookie": 'x="\\000"'}).status_code,
        }
        return {where: status for where, status in found.items() if status != 400}

    assert everywhere(judge) == {}


def test_no_odd_value_is_an_error_of_ours(staff: Client) -> None:
    # The first value of each name together, and the second.
    queries = ["&".join(f"{name}={values[turn]}" for name, values in ODD.items()) for turn in (0, 1)]

    def judge(route: Route) -> Any:
        statuses = {query: staff.get(f"{route.path}?{query}").status_code for query in queries}
        return {query: status for query, status in statuses.items() if status >= 500}

    assert everywhere(judge) == {}


LOOKUPS = ("", "__exact", "__gte", "__startswith", "__isnull", "__in", "__year", "__isempty", "__range")


def test_no_column_is_filtered_by_but_through_a_filter(staff: Client) -> None:
    statuses = {}
    for model, page in admin.site._registry.items():
        chosen: list[Any] = [*page.list_filter]
        filtered = {
            own[0] if isinstance(own, tuple) else getattr(own, "parameter_name", own) for own in chosen
        }
        for number, field in enumerate(model._meta.concrete_fields):
            if field.name not in filtered:
                lookup = f"{address_of(model)}?{field.name}{LOOKUPS[number % len(LOOKUPS)]}=1"
                statuses[lookup] = staff.get(lookup).status_code
    assert len(statuses) > 100
    assert {lookup: status for lookup, status in statuses.items() if status != 400} == {}


@pytest.mark.parametrize("value", ["banana", "0001-01-01", "9999-12-31T23:59:59-14:00", "", "%E2%80%8B"])
def test_a_filter_takes_its_own_choices_only(staff: Client, value: str) -> None:
    statuses = {}
    for model, page in admin.site._registry.items():
        chosen: list[Any] = [*page.list_filter]
        for own in chosen:
            name = own[0] if isinstance(own, tuple) else own
            if not isinstance(name, str):
                lookups = [own.parameter_name]
            elif name in {"category", "queue", "reason"}:  # text, of which every value is a choice
                continue
            else:
                lookups = [
                    f"{name}{lookup}" for lookup in ("__exact", "__gte", "__isnull", "__in", "__isempty")
                ]
            for lookup in lookups:
                statuses[f"{address_of(model)}?{lookup}={value}"] = 0
    assert len(statuses) > 30
    statuses = {lookup: staff.get(lookup).status_code for lookup in statuses}
    assert {lookup: status for lookup, status in statuses.items() if status != 400} == {}


def address_of(model: Any) -> str:
    return f"/admin/{model._meta.app_label}/{model._meta.model_name}/"


@pytest.mark.parametrize(
    "address",
    [
        "orders/order/?card__startswith=card",
        "orders/order/?email__contains=example",
        "orchestration/saga/?input__card__startswith=card",
        "orchestration/saga/?steps__result__token=1",
        "orchestration/incident/?saga__input__card__startswith=c",
        "payments/payment/?authorization_id__regex=^a",
        "auth/user/?groups__user__password__startswith=p",
        "orders/orderline/?order__card__startswith=card",
        "django_celery_results/taskresult/?result__contains=a",
        "orders/order/?status__exact=%E2%80%8B&status__exact=placed",
        "orders/order/?status__in=placed,%E2%80%8B",
    ],
)
def test_what_is_masked_cannot_be_guessed_by_filtering(staff: Client, address: str) -> None:
    assert staff.get(f"/admin/{address}").status_code == 400


@pytest.mark.parametrize(
    "address",
    [
        "orders/order/?status__exact=placed",
        "orders/order/?placed_at__gte=2026-01-01+00%3A00%3A00%2B00%3A00&placed_at__lt=2026-02-01T00%3A00Z",
        "orchestration/saga/?state__in=accepted,running",
        "orchestration/saga/?attention=incident&age=hour",
        "orchestration/incident/?resolved_at__isempty=1",
        "auth/user/?is_staff__exact=1",
    ],
)
def test_what_filters_offer_is_allowed(staff: Client, address: str) -> None:
    assert staff.get(f"/admin/{address}").status_code == 200


def test_each_filter_of_each_list_works_as_it_is_offered(staff: Client) -> None:
    statuses = {}
    for model in admin.site._registry:
        changelist = staff.get(address_of(model)).context["cl"]
        for spec in changelist.filter_specs:
            # Without rows a filter by what stands in a column offers nothing.
            others = [choice for choice in spec.choices(changelist) if not choice["selected"]]
            if not others:
                continue
            link = others[0]["query_string"]
            statuses[address_of(model) + link] = staff.get(address_of(model) + link).status_code
    assert len(statuses) > 10
    assert {link: status for link, status in statuses.items() if status != 200} == {}


@pytest.mark.parametrize(
    "charset", ["idna", "utf-7", "utf-16", "unicode_escape", "rot13", "no-such", '"idna"']
)
@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=x", "application/json", "text/plain", ""])
def test_a_body_is_utf8(db: None, kind: str, charset: str) -> None:
    assert answer_to(f"{kind}; charset={charset}") == "400 Bad Request"
    assert answer_to(f"{kind};x=y;  CharSet ={charset};charset=utf-8") == "400 Bad Request"


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain; charset*=no-such''x",
        "multipart/form-data; boundary*=idna''%ff",
        "a/b; \xff",
        "a/b;" * 200,
    ],
)
def test_a_content_type_that_django_stumbles_over_is_400(db: None, content_type: str) -> None:
    assert answer_to(content_type) == "400 Bad Request"


@pytest.mark.parametrize("said", ["; charset=UTF-8", '; charset="utf-8"', ""])
def test_utf8_may_be_said_in_each_way(db: None, said: str) -> None:
    assert answer_to(f"application/json{said}") == "404 Not Found"


def answer_to(content_type: str) -> str:
    """Have the web server's application answer; the test client's would have Django make its request before."""
    environ = RequestFactory()._base_environ(  # type: ignore[attr-defined]  # what every request of the client begins with
        
        REQUEST_METHOD="POST", PATH_INFO="/api/nothing", QUERY_STRING="a=%C3%A4", CONTENT_TYPE=content_type, CONTENT_LENGTH="2",
        **{"wsgi.input": BytesIO(b"{}")},
    )  # fmt: skip
    statuses: list[str] = []
    application(environ, lambda status, headers: statuses.append(status))
    return statuses[0]


@pytest.mark.parametrize(
    "part",
    [
        "Content-Disposition: form-data; name=\"a\"; filename*=no-such''x",
        "Content-Disposition: form-data; name*=idna''%ff",
        'Content-Disposition: form-data; name="a"\r\nContent-Transfer-Encoding: base64',
        'Content-Disposition: form-data; name="a"\r\nContent-Type: text/plain; charset=idna',
        "Content-Disposition: form-data; name=\"a\"\r\nContent-Type: text/plain; charset*=no-such''x",
        'Content-Disposition: form-data; name="a\0"',
        "Content-Disposition: form-data",
    ],
)
@pytest.mark.parametrize("content", ["x", "\0", "=", "\xff"])
def test_no_part_of_a_form_is_an_error_of_ours(db: None, client: Client, part: str, content: str) -> None:
    body = f"--x\r\n{part}\r\n\r\n{content}\r\n--x--\r\n".encode("latin-1")
    for path in ("/admin/login/", "/checkout/", "/basket/"):
        assert client.generic("POST", path, body, "multipart/form-data; boundary=x").status_code < 500


@pytest.mark.parametrize("form", ["username=a%00", "a%00=b"])
def test_a_form_with_a_nul_is_400(db: None, client: Client, form: str) -> None:
    def judge(route: Route) -> Any:
        status = client.generic("POST", route.path, form, "application/x-www-form-urlencoded").status_code
        return None if status == 400 else status

    assert everywhere(judge) == {}


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_cursor_of_no_order_is_400(db: None, client: Client, settings: Settings, moment: str) -> None:
    settings.ORDERLY_API_TOKENS = {"operator": TOKEN}
    cursor = base64.urlsafe_b64encode(f"{moment} 00000000-0000-4000-8000-000000000000".encode()).decode()
    response = client.get(f"/api/orders?cursor={quote(cursor)}", headers={"Authorization": f"Bearer {TOKEN}"})
    assert (response.status_code, response.json()["errors"][0]["field"]) == (400, "cursor")


def test_chunks_that_another_server_hands_on_without_a_length_are_411(client: Client) -> None:
    response = client.post("/api/orders", headers={"Transfer-Encoding": "chunked"}, CONTENT_LENGTH="")
    assert (response.status_code, response.json()["type"]) == (411, "urn:orderly:problem:length-required")
