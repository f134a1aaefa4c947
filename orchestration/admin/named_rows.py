"""What an address or a form of the admin names rows by: a key that could be none, or a field that there is not, is answered 400.

Django's admin asks the database for whatever stands there, and for `_selected_action=x` of a number, or `_to_field=`, that is an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import SuspiciousOperation, ValidationError
from django.http import HttpRequest

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin

    _Admin = ModelAdmin[Any]
else:
    _Admin = object


class NamedRows(_Admin):
    """Of an admin: its pages look for rows by keys that could be some, and by fields that there are."""

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Django's, once the chosen rows are named by keys."""
        for key in request.POST.getlist(ACTION_CHECKBOX_NAME):
            try:
                self.model._meta.pk.to_python(key)
            except (ValidationError, ValueError, TypeError, OverflowError) as error:
                raise SuspiciousOperation("an action was asked for on a row that there cannot be") from error
        return super().changelist_view(request, extra_context)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Django's; an empty name of a field is none."""
        return super().get_object(request, object_id, from_field or None)
