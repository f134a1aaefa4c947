"""Columns and fields whose moments are shown by the one clock, and whose numbers, times and ids are never broken."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.exceptions import FieldDoesNotExist
from django.db.models import CharField, DateTimeField, Field, TextField, UUIDField
from django.http import HttpRequest

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
        return _of_field(field) if isinstance(field, Field) and not field.choices else name


def _of_method(method: Callable[..., Any]) -> Callable[[Any], Any]:
    @wraps(method)
    def column(row: Any) -> Any:
        value = method(row)
        if isinstance(value, datetime):
            return shown_moment(value)
        return unbroken(value) if isinstance(value, str) else value

    return column


def _of_field(field: Field[Any, Any]) -> Any:
    name, moments = field.attname, isinstance(field, DateTimeField)
    if not moments and (field.remote_field or not isinstance(field, CharField | TextField | UUIDField)):
        return name

    @admin.display(description=str(field.verbose_name), ordering=field.name, empty_value="-")
    def column(row: Any) -> Any:
        value = getattr(row, name)
        return shown_moment(value) if moments else unbroken(value) if value not in (None, "") else None

    column.__name__ = field.name
    return column
