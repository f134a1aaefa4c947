"""Finding products by words and category."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_

from django.db.models import Case, Count, IntegerField, Q, QuerySet, Value, When

from orders.models import Product, SearchWords
from orders.storefront.folding import folded, folded_columns, forms

LONGEST_QUERY = 100
MOST_WORDS = 8
MOST_SUBJECTS = 2_000
"""Rows of search words that are looked at."""
_PREFIX = 4
"""Letters from which on the beginning of a search word is enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """A category with the number of its products."""

    name: str
    products: int


def clean_query(typed: str) -> str:
    """What was typed, shortened, and without the characters that PostgreSQL cannot store."""
    kept = "".join(" " if unicodedata.category(c) in ("Cc", "Cs") else c for c in typed[:LONGEST_QUERY])
    return " ".join(kept.split())


def find_products(*, query: str, category: str) -> QuerySet[Product]:
    """Products that every word of the query finds; those so called first, by name, discontinued ones last.

    A word finds a product by a part of its name, category or SKU, and by the search words of the product or its category.
    Case, accents, and singular or plural do not count. An empty query or category does not restrict.
    """
    found = Product.objects.all()
    if category:
        found = found.filter(category=category)
    words = [forms(word) for word in map(folded, query.split()[:MOST_WORDS]) if word]
    if not words:
        return found.order_by("discontinued", "name", "sku") if not query else found.none()
    named = [_any("own_words", word) for word in words]
    meant = [Q(category__in=subjects) | Q(sku__in=subjects) for subjects in _subjects(words)]
    found = found.annotate(
        own_words=folded_columns("name", "category", "sku"),
        rank=Case(When(reduce(and_, named), then=Value(0)), default=Value(1), output_field=IntegerField()),
    )
    for by_name, by_word in zip(named, meant, strict=True):
        found = found.filter(by_name | by_word)
    return found.order_by("discontinued", "rank", "name", "sku")


def _any(column: str, word: set[str]) -> Q:
    return reduce(or_, (Q(**{f"{column}__contains": form}) for form in sorted(word)))


def _subjects(words: list[set[str]]) -> list[list[str]]:
    """The categories and SKUs that each word means. One query."""
    known = [
        (subject, re.findall(r"\w+", folded(told)))
        for subject, told in SearchWords.objects.values_list("subject", "words")[:MOST_SUBJECTS]
    ]
    return [[subject for subject, told in known if _means(word, told)] for word in words]


def _means(word: set[str], told: list[str]) -> bool:
    return any(
        not word.isdisjoint(forms(each))
        or any(len(form) >= _PREFIX and each.startswith(form) for form in word)
        for each in told
    )


def categories() -> list[Category]:
    """All categories that have a name, alphabetically."""
    counted = (
        Product.objects.exclude(category="")
        .values_list("category")
        .annotate(products=Count("pk"))
        .order_by("category")
    )
    return [Category(name=name, products=products) for name, products in counted]
