"""The checkout form. What an order may hold, `PlaceOrder` says; this form only shows its findings beside the fields."""

from __future__ import annotations

from typing import Any

from django import forms

from orchestration.sentences import sentence
from orders.errors import InvalidOrder, Problem
from orders.services.request_problems import read_order
from orders.services.requests import PlaceOrder
from orders.storefront.basket_pricing import PricedBasket
from orders.storefront.cards import PRESELECTED, Card

FIELD_OF = {
    "customer.name": "name",
    "customer.email": "email",
    "ship_to.name": "name",
    "ship_to.line1": "line1",
    "ship_to.city": "city",
    "ship_to.region": "region",
    "ship_to.postal_code": "postal_code",
    "ship_to.country": "country",
    "card": "card",
}
"""Path of an order's field to the form's field that it comes from."""


def _text(label: str, *, autocomplete: str, missing: str = "", kind: str = "text") -> forms.CharField:
    # No longest length: browsers would cut what is pasted without a word. `PlaceOrder` refuses it with one.
    return forms.CharField(
        label=label,
        required=bool(missing),
        error_messages={"required": missing},
        widget=forms.TextInput(attrs={"type": kind, "autocomplete": autocomplete}),
    )


class CheckoutForm(forms.Form):
    """Who orders, where it goes, and how it is paid."""

    name = _text("Name", autocomplete="name", missing="Enter your name.")
    email = _text("E-mail", autocomplete="email", missing="Enter your e-mail address.", kind="email")
    line1 = _text("Street and number", autocomplete="address-line1", missing="Enter the street and number.")
    postal_code = _text("Postal code", autocomplete="postal-code")
    city = _text("City", autocomplete="address-level2", missing="Enter the city.")
    region = _text("Region or state", autocomplete="address-level1")
    country = _text("Country", autocomplete="country-name", missing="Enter the country.")
    card = forms.ChoiceField(
        label="Test card",
        initial=PRESELECTED,
        widget=forms.RadioSelect,
        error_messages={"required": "Choose a card.", "invalid_choice": "Choose one of these cards."},
    )

    def __init__(self, *args: Any, cards: list[Card], priced: PricedBasket, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.priced = priced
        self.order: PlaceOrder | None = None
        """The order described, once the form is valid."""
        field = self.fields["card"]
        if isinstance(field, forms.ChoiceField):
            field.choices = [(card.name, card.sentence) for card in cards]

    def clean(self) -> dict[str, Any]:
        """Let `PlaceOrder` judge the whole."""
        try:
            self.order = read_order(self._content())
        except InvalidOrder as error:
            self.show(error.problems)
        return self.cleaned_data

    def show(self, problems: list[Problem]) -> None:
        """Put each problem beside the field it comes from; of several beside one field, the first."""
        for problem in problems:
            field = FIELD_OF.get(problem.field)
            if field is None:
                self.add_error(None, sentence(f"{_subject(problem.field)} {problem.message}"))
            elif field not in self.errors:
                self.add_error(field, sentence(f"{self.fields[field].label} {problem.message}"))

    def _content(self) -> dict[str, Any]:
        typed = {name: self.cleaned_data.get(name, "") for name in self.fields}
        return {
            "customer": {"name": typed["name"], "email": typed["email"]},
            "ship_to": {
                field: typed[field] for field in ("name", "line1", "city", "region", "postal_code", "country")
            },
            "card": typed["card"],
            # Somebody shown a price in one currency is never charged in another.
            "currency": self.priced.currency,
            "lines": [{"sku": line.entry.sku, "quantity": line.entry.quantity} for line in self.priced.lines],
        }


def _subject(path: str) -> str:
    return "The products in your basket" if path.startswith("lines") or not path else f"The order's {path}"
