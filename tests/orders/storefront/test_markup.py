"""What every page of the shop keeps to: nothing inline, and the landmarks and labels that assistive software needs."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from django.test import Client

from orders.models import Order
from tests.orders.storefront.browsing import Browser

PAGES = [
    "catalog",
    "nothing found",
    "product",
    "product with error",
    "sold out",
    "empty basket",
    "basket",
    "basket with error",
    "checkout",
    "checkout with errors",
    "my orders",
    "order",
    "demo",
    "not found",
]
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


class Page(HTMLParser):
    """The tags of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        # Whatever is closed must be what was opened last: browsers would repair it, each in its own way.
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> closes another tag"

    def all(self, *names: str) -> list[dict[str, str]]:
        return [attributes for tag, attributes in self.tags if tag in names]


def visit(browser: Browser, name: str) -> str:
    """A page as it is sent."""
    client = browser.client
    browser.add("NW-11", 4)
    match name:
        case "catalog":
            response = client.get("/")
        case "nothing found":
            response = client.get("/?q=zzz&category=Produce")
        case "product":
            response = client.get("/products/NW-01/")
        case "product with error":
            response = browser.add("NW-01", "two")
        case "sold out":
            response = client.get("/products/NW-05/")
        case "empty basket":
            response = Client().get("/basket/")
        case "basket":
            response = browser.add("NW-31")
        case "basket with error":
            response = browser.change("NW-11", "two")
        case "checkout":
            response = client.get("/checkout/")
        case "checkout with errors":
            response = browser.place(name="", email="x", card="")
        case "my orders":
            browser.place()
            response = client.get("/orders/")
        case "order":
            browser.place()
            response = client.get(f"/orders/{Order.objects.get().id}/")
        case "demo":
            response = client.get("/demo/")
        case "not found":
            return str(client.get("/nowhere/").content.decode())
    assert response.status_code == 200
    return str(response.content.decode())


@pytest.fixture(params=PAGES)
def page(request: pytest.FixtureRequest, browser: Browser) -> Page:
    """Every page of the shop, one after the other."""
    return Page(visit(browser, request.param))


def test_every_tag_is_closed(page: Page) -> None:
    assert page.open == []


def test_nothing_is_inline(page: Page) -> None:
    assert page.all("style") == []
    assert all("src" in script for script in page.all("script"))
    for tag, attributes in page.tags:
        wrong = [name for name in attributes if name == "style" or name.startswith(("on", "hx-on"))]
        assert not wrong, (tag, wrong)
        assert not attributes.get("href", "").startswith("javascript:"), tag


def test_everything_comes_from_here(page: Page) -> None:
    for tag, attributes in page.tags:
        if tag in ("script", "link", "img", "use", "form", "iframe"):
            for name in ("src", "href", "action"):
                assert "//" not in attributes.get(name, ""), (tag, attributes)


def test_landmarks_and_headings(page: Page) -> None:
    assert [len(page.all(tag)) for tag in ("header", "main", "footer", "h1", "title")] == [1] * 5
    assert page.all("html")[0]["lang"] == "en"
    assert page.all("main")[0]["id"] == "main"
    assert page.all("a")[0]["href"] == "#main"
    navigations = [attributes.get("aria-label") for attributes in page.all("nav")]
    assert all(navigations), "a page with several navigations names each"


def test_ids_are_unique_and_what_points_at_one_finds_it(page: Page) -> None:
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for tag, attributes in page.tags:
        for name in ("for", "aria-describedby", "aria-labelledby"):
            for pointed in attributes.get(name, "").split():
                assert pointed in ids, (tag, name, pointed)
        if tag == "a" and attributes.get("href", "").startswith("#"):
            assert attributes["href"][1:] in ids, attributes["href"]


def test_every_field_has_a_label(page: Page) -> None:
    labelled = {attributes.get("for") for attributes in page.all("label")}
    for field in page.all("input", "select", "textarea"):
        if field.get("type") != "hidden":
            assert field.get("id") in labelled, field


def test_every_form_that_changes_something_carries_the_token(page: Page) -> None:
    posts = [form for form in page.all("form") if form.get("method", "get").lower() == "post"]
    tokens = [field for field in page.all("input") if field.get("name") == "csrfmiddlewaretoken"]
    assert len(tokens) == len(posts)
