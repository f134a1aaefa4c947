"""Columns and fields whose moments are shown by the one clock, and whose numbers, times and ids are never broken.

Their names begin with a capital here: on a phone they stand beside each value, where the theme would give one to every word.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import FieldDoesNotExist
from django.db.models import BooleanField, CharField, DateTimeField, Field, IntegerField, TextField, UUIDField
from django.http import HttpRequest
from django.utils.text import capfirst

from orchestration.shown import shown_moment, unbroken

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin

    _Admin = ModelAdmin[Any]
else:
    _Admin = object


class Unbroken(_Admin):
    """Of an admin, or of rows below another row: its columns and fields are shown so."""

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        return [self._shown(name) for name in super().get_list_display(request)]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return [
            (title, {**options, "fields": [self._line(line) for line in options["fields"]]})
            for title, options in super().get_fieldsets(request, obj)
        ]

    def _line(self, line: Any) -> Any:
        return [self._shown(name) for name in line] if isinstance(line, list | tuple) else self._shown(line)

    def _shown(self, name: Any) -> Any:
        """A column that shows what `name` does, always the same one; `name` itself where that is no plain text."""
        if not isinstance(name, str):
            return name
        columns: dict[str, Any] = vars(self).setdefault("_shown_columns", {})
        if name not in columns:
            columns[name] = self._column(name)
        return columns[name]

    def _column(self, name: str) -> Any:
        own = getattr(self, name, None)
        if callable(own):
            return _of_method(own) if not getattr(own, "boolean", False) else name
        try:
            field = self.model._meta.get_field(name)
        except FieldDoesNotExist:
            return name
        return _of_field(field) if isinstance(field, _PLAIN) and not field.remote_field else name


def _of_method(method: Callable[..., Any]) -> Callable[[Any], Any]:
    @wraps(method)
    def column(row: Any) -> Any:
        value = method(row)
        if isinstance(value, datetime):
            return shown_moment(value)
        return unbroken(value) if isinstance(value, str) else value

    if said := getattr(method, "short_description", ""):
        column.short_description = capfirst(str(said))  # type: ignore[attr-defined]  # where Django looks for it
    return column


_PLAIN = (BooleanField, CharField, DateTimeField, IntegerField, TextField, UUIDField)


def _of_field(field: Field[Any, Any]) -> Any:
    def column(row: Any) -> Any:
        if field.choices:
            return getattr(row, f"get_{field.name}_display")() or None
        value = getattr(row, field.attname)
        if isinstance(field, DateTimeField):
            return shown_moment(value)
        return (
            unbroken(value)
            if isinstance(value, str | UUID) and value != ""
            else None
            if value == ""
            else value
        )

    column.__name__ = field.name
    said = capfirst(str(field.verbose_name))
    if isinstance(field, BooleanField):
        return admin.display(column, description=said, ordering=field.name, boolean=True)
    return admin.display(column, description=said, ordering=field.name, empty_value="-")
