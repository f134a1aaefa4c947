"""What a person does in the shop, and what stands on the page then."""

from __future__ import annotations

import html
import re
from typing import Any

from django.test import Client

ADA = {
    "name": "Ada Lovelace",
    "email": "ada@example.com",
    "line1": "12 St James Square",
    "postal_code": "SW1Y 4JH",
    "city": "London",
    "region": "",
    "country": "UK",
    "card": "card_ok",
}
"""What somebody types at the checkout."""


class Browser:
    """A browser with its session; pages are given back as text without tags, or as they came."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def read(self, address: str) -> str:
        """The words of a page that must be there."""
        response = self.client.get(address)
        assert response.status_code == 200, (address, response.status_code)
        return words(response)

    def add(self, sku: str, quantity: object = 1, **more: str) -> Any:
        """Press "Add to basket"."""
        return self.client.post("/basket/add/", {"sku": sku, "quantity": str(quantity), **more}, follow=True)

    def change(self, sku: str, quantity: object = "", **more: str) -> Any:
        """Press "Update", or with `remove="1"` "Remove"."""
        return self.client.post(
            "/basket/change/", {"sku": sku, "quantity": str(quantity), **more}, follow=True
        )

    def open_checkout(self, **typed: str) -> dict[str, str]:
        """Open the checkout and type; the form's content, ready to be sent."""
        response = self.client.get("/checkout/")
        assert response.status_code == 200, response.headers
        return {**ADA, **typed, **hidden_fields(response)}

    def place(self, **typed: str) -> Any:
        """Open the checkout, type, and press "Place order"; the answer is not followed."""
        return self.client.post("/checkout/", self.open_checkout(**typed))


def words(response: Any) -> str:
    """What a page says, without tags and with single spaces."""
    text = re.sub(r"<[^>]*>", " ", response.content.decode())
    return " ".join(html.unescape(text).split())


def hidden_fields(response: Any) -> dict[str, str]:
    """The checkout form's own fields."""
    found = re.findall(
        r'<input type="hidden" name="(checkout_key|seen)" value="([^"]*)">', response.content.decode()
    )
    return dict(found)


def value_of(response: Any, field: str) -> str:
    """What stands in a text field of a page."""
    tag = re.search(rf'<input[^>]*name="{field}"[^>]*>', response.content.decode())
    assert tag is not None, field
    value = re.search(r'value="([^"]*)"', tag[0])
    return html.unescape(value[1]) if value is not None else ""


def error_of(response: Any, element_id: str) -> str:
    """What is said beside a field, found as a screen reader finds it: by aria-describedby. Empty when nothing is."""
    page = response.content.decode()
    tag = re.search(rf'<input[^>]*id="{element_id}"[^>]*>', page)
    assert tag is not None, element_id
    if 'aria-invalid="true"' not in tag[0]:
        return ""
    described = re.search(r'aria-describedby="([^"]*)"', tag[0])
    assert described is not None, tag[0]
    said = re.search(rf'<p class="field-error" id="{described[1]}"[^>]*>([^<]*)</p>', page)
    assert said is not None, described[1]
    return html.unescape(said[1])
