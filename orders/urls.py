"""Pages for customers; for now one, with links."""

from __future__ import annotations

from django.urls import path

from orders.views import index

app_name = "orders"
urlpatterns = [path("", index, name="index")]
