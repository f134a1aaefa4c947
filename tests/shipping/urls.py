"""The addresses of shipping alone, where the project includes them."""

from __future__ import annotations

from django.urls import include, path

urlpatterns = [path("hooks/", include("shipping.urls"))]
