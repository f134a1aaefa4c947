"""What no view could make sense of: text that the database cannot hold, and forms that cannot be read.

PostgreSQL holds no NUL, wherever it came from: the path, a query, a form, or a cookie, whose quoted values may spell it in octal digits.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.http import HttpRequest

_FORMS = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})


def what_cannot_be_read(request: HttpRequest) -> str:
    """Return a sentence that says why nobody can serve this request, or nothing. Reads the body of a form, and of nothing else."""
    if "\0" in request.path_info or _has_nul(request.GET.lists()) or _has_nul([*request.COOKIES.items()]):
        return "The address or a cookie of the request holds a character that is not text."
    if request.method == "POST" and request.content_type in _FORMS:
        try:
            form = request.POST
        except (LookupError, UnicodeError, ValueError):
            # A part may name a character set of its own.
            return "The form could not be read."
        if _has_nul(form.lists()):
            return "The form holds a character that is not text."
    return ""


def _has_nul(fields: Iterable[tuple[object, object]]) -> bool:
    return any(
        "\0" in str(name)
        or any("\0" in str(value) for value in (values if isinstance(values, list) else [values]))
        for name, values in fields
    )
