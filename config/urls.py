"""Every address of the site: the storefront at /, the admin, the HTTP API, and the hooks outside services call."""

from __future__ import annotations

from django.templatetags.static import static
from django.urls import include, path
from django.utils.functional import lazy
from django.views.generic import RedirectView

from config.security.admin_login import admin_urls
from config.security.flower_access import flower_access
from orders.api import api

urlpatterns = [
    path("admin/", admin_urls(path("access/flower/", flower_access, name="flower-access"))),
    path("api/", api.urls),
    path("hooks/", include("shipping.urls")),
    # Browsers ask for it on pages that name no icon: the API's documentation, and files shown by themselves.
    path("favicon.ico", RedirectView.as_view(url=lazy(static, str)("storefront/icon.svg")), name="favicon"),
    path("", include("orders.urls")),
]

handler400 = "config.security.pages.bad_request"
handler403 = "config.security.pages.permission_denied"
handler404 = "config.security.pages.not_found"
handler500 = "config.security.pages.server_error"
