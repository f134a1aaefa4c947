"""Every address of the site: the storefront at /, the admin, the HTTP API, and the hooks outside services call."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from orders.api import api

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/", api.urls),
    path("hooks/", include("shipping.urls")),
    path("", include("orders.urls")),
]
