"""The words of an e-mail: subject, text and HTML, from templates. Pure but for reading the templates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.template.loader import render_to_string

from notifications.contracts import OrderNews
from notifications.models import Kind
from orchestration.money import format_minor

SUBJECTS = {
    Kind.ORDER_SHIPPED: "Your order {reference} is on its way",
    Kind.ORDER_BACKORDERED: "Your order {reference} has to wait for stock",
    Kind.ORDER_CANCELLED: "Your order {reference} was cancelled",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What the customer reads."""

    subject: str
    text: str
    html: str


def render(kind: Kind, news: OrderNews, **more: Any) -> Words:
    """The words of one e-mail. `more` are further values for the templates of this kind."""
    # One line each: a line break in a name must not become a header of its own.
    subject = " ".join(SUBJECTS[kind].format(reference=news.reference).split())[:200]
    values = {
        "news": news,
        "subject": subject,
        "amount": format_minor(news.amount_minor, news.currency),
        **more,
    }
    text = render_to_string(f"notifications/{kind.value}.txt", values)
    html = render_to_string(f"notifications/{kind.value}.html", values)
    return Words(subject=subject, text=text.strip() + "\n", html=html)
