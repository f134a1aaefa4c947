"""Addresses of the order page and the demo corner."""

from __future__ import annotations

from django.urls import path

from orders.storefront import demo, order_page
from orders.throttling import throttled

urlpatterns = [
    path("orders/<uuid:order_id>/", order_page.show_order, name="order"),
    path("orders/<uuid:order_id>/progress/", order_page.show_progress, name="order-progress"),
    path("orders/<uuid:order_id>/cancel/", throttled("cancel-order")(order_page.cancel), name="order-cancel"),
    path("demo/", demo.show_demo, name="demo"),
    path("demo/order/<slug:ending>/", throttled("demo")(demo.place), name="demo-order"),
    path("demo/restock/", throttled("demo")(demo.restock), name="demo-restock"),
    path("demo/kill-worker/", throttled("demo")(demo.kill_worker), name="demo-kill-worker"),
]
