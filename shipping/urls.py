"""Addresses that other systems call; included below /hooks/."""

from __future__ import annotations

from django.urls import path

from shipping.views import carrier_webhook

app_name = "shipping"

urlpatterns = [path("carrier", carrier_webhook, name="carrier_webhook")]
