"""A list is narrowed by its own filters and by nothing else that stands in an address.

Django's admin allows any lookup of a model's own columns: `?card__startswith=tok_4` finds out a masked value letter by letter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import MAXYEAR, MINYEAR, date
from typing import Any

from django.conf import settings
from django.contrib.admin import SimpleListFilter, filters
from django.contrib.admin.utils import get_fields_from_path
from django.db.models import DateTimeField
from django.http import HttpRequest
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.timezone import is_aware

from orchestration.admin.named_rows import NamedRows

Admits = Callable[[str], bool]
_YES_OR_NO = frozenset({"0", "1", "True", "False", "true", "false"})
_LONGEST = 200


class OwnLookups(NamedRows):
    """Of an admin: an address with any other lookup, or with a value that a filter does not offer, is answered 400."""

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """Whether `lookup` belongs to one of this list's filters, and each of its values is one of that filter's."""
        if request is None:
            return False
        for own in self.get_list_filter(request):
            admits = self._lookups_of(own, request).get(lookup)
            if admits is not None:
                # Django hands over the last of several values, and filters by all of them.
                return all(admits(value) for value in request.GET.getlist(lookup))
        return False

    def _lookups_of(self, own: Any, request: HttpRequest) -> Mapping[str, Admits]:
        if isinstance(own, type) and issubclass(own, SimpleListFilter):
            simple = own(request, {}, self.model, self)
            return {
                str(own.parameter_name): _among(
                    str(value) for value, _ in simple.lookups(request, self) or ()
                )
            }
        path, kind = own if isinstance(own, tuple) else (own, None)
        return _lookups_of_field(self.model, path, kind)


def _lookups_of_field(model: Any, path: str, kind: Any) -> Mapping[str, Admits]:
    field: Any = get_fields_from_path(model, path)[-1]
    if kind is None:
        known: Any = filters.FieldListFilter._field_list_filters  # type: ignore[attr-defined]  # how Django itself chooses
        kind = next(filter_class for fits, filter_class in known if fits(field))
    is_null = {f"{path}__isnull": _among(_YES_OR_NO)}
    if issubclass(kind, filters.EmptyFieldListFilter):
        return {f"{path}__isempty": _among(_YES_OR_NO)}
    if issubclass(kind, filters.BooleanFieldListFilter):
        return {f"{path}__exact": _among(_YES_OR_NO), **is_null}
    if issubclass(kind, filters.ChoicesFieldListFilter):
        choices = _among(str(value) for value, _ in field.flatchoices)
        return {
            f"{path}__exact": choices,
            f"{path}__in": lambda text: all(map(choices, text.split(","))),
            **is_null,
        }
    if issubclass(kind, filters.DateFieldListFilter):
        kind_of_day = _is_moment if isinstance(field, DateTimeField) else _is_date
        return {f"{path}__gte": kind_of_day, f"{path}__lt": kind_of_day, **is_null}
    if issubclass(kind, filters.RelatedFieldListFilter):
        return {f"{path}__{field.target_field.name}__exact": _is_number, **is_null}
    return {path: lambda text: len(text) <= _LONGEST, **is_null}


def _among(choices: Iterable[str]) -> Admits:
    return frozenset(choices).__contains__


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 10


def _is_moment(text: str) -> bool:
    try:
        moment = parse_datetime(text)
    except ValueError:
        return False
    return moment is not None and _is_plausible(moment) and is_aware(moment) == settings.USE_TZ


def _is_date(text: str) -> bool:
    try:
        day = parse_date(text)
    except ValueError:
        return False
    return day is not None and _is_plausible(day)


def _is_plausible(day: date) -> bool:
    # Not the first and last years there are: in another time zone they would be none.
    return MINYEAR < day.year < MAXYEAR
