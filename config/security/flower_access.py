"""Whether an account may see Flower: asked by a proxy (nginx `auth_request`, Caddy `forward_auth`) for each request to it.

See docs/flower.md.
"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

PERMISSION = "orchestration.view_flower"
"""Being staff is not enough: Flower shows every task of every order."""


@never_cache
@require_safe
def flower_access(request: HttpRequest) -> HttpResponse:
    """204 for who has the permission; 403 for an account without it; for who has not signed in 401, or with `?login` a 302 to the login.

    With `?login` a proxy hands our answer to the browser; the way back is what `X-Forwarded-Uri` says.
    """
    if request.user.is_active and request.user.is_staff:
        if request.user.has_perm(PERMISSION):
            return HttpResponse(status=204)
        return HttpResponse(
            "Your account may not see Flower; an administrator can give it the permission.\n",
            status=403,
            content_type="text/plain",
        )
    if "login" not in request.GET:
        return HttpResponse("Sign in to the admin first.\n", status=401, content_type="text/plain")
    back = request.headers.get("X-Forwarded-Uri", "/")
    if not url_has_allowed_host_and_scheme(back, allowed_hosts=None):
        back = "/"
    response = redirect("admin:login")
    response["Location"] += "?" + urlencode({"next": back})
    return response
