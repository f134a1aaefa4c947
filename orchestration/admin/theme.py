"""The classes that admin pages are made of: django-unfold's where it is installed, Django's own otherwise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

from django.apps import apps
from django.contrib import admin
from django.utils.html import format_html

if TYPE_CHECKING:
    # The theme has no types of its own; its classes are Django's with another face.
    from django.db.models import Model

    Page = admin.ModelAdmin[Model]
    Rows = admin.TabularInline[Model, Model]
elif apps.is_installed("unfold"):
    from unfold.admin import ModelAdmin as Page
    from unfold.admin import TabularInline as Rows
else:
    from django.contrib.admin import ModelAdmin as Page
    from django.contrib.admin import TabularInline as Rows

__all__ = ["Page", "Rows", "label"]

_Column = TypeVar("_Column", bound=Callable[..., Any])


def label(
    *, description: str, colours: Mapping[str, str], ordering: str | None = None
) -> Callable[[_Column], _Column]:
    """Make a column of `(value, words)` a label, coloured by value, in lists and on pages alike.

    Args:
        description: the column's heading.
        colours: `info`, `success`, `warning`, `danger` or `plain` by value.
        ordering: the field to sort by.
    """

    def labelled(column: _Column) -> _Column:
        @wraps(column)
        def drawn(self: Any, row: Any) -> str:
            value, words = column(self, row)
            colour = colours.get(value, "plain")
            return format_html('<span class="orchestration-state is-{}">{}</span>', colour, words)

        shown = admin.display(drawn, description=description, ordering=ordering)
        return cast(_Column, shown)

    return labelled
