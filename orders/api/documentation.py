"""The API's page about itself: who may read it, and that it asks no other host for anything."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Concatenate, ParamSpec

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from ninja.openapi.docs import Swagger

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


class Documentation(Swagger):
    """Swagger in a page that says its language and main part, with colours that can be read."""

    template = "api/documentation.html"


# Swagger would have a service on the net look at the description, and show its verdict as a picture; and a link to each
# operation would lie inside the button that opens it, where no keyboard gets.
DOCS = Documentation(settings={"validatorUrl": None, "deepLinking": False})


def for_readers(view: View[P]) -> View[P]:
    """Show `view` to anybody, or to staff only where the setting `ORDERLY_API_DOCS_PUBLIC` (default: True) is off."""

    @functools.wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if getattr(settings, "ORDERLY_API_DOCS_PUBLIC", True) or (
            request.user.is_active and request.user.is_staff
        ):
            return view(request, *args, **kwargs)
        return redirect_to_login(request.get_full_path())

    return guarded
