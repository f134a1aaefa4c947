"""Addresses of the shop."""

from __future__ import annotations

from django.urls import path

from orders.storefront import basket, catalog, checkout, my_orders, order_urls
from orders.throttling import throttled

urlpatterns = [
    path("", catalog.show_catalog, name="catalog"),
    # A path: a SKU may hold a slash.
    path("products/<path:sku>/", catalog.show_product, name="product"),
    path("basket/", basket.show_basket, name="basket"),
    path("basket/add/", throttled("basket")(basket.add_to_basket), name="basket-add"),
    path("basket/change/", throttled("basket")(basket.change_basket), name="basket-change"),
    path("checkout/", throttled("place-order")(checkout.checkout), name="checkout"),
    path("orders/", my_orders.show_my_orders, name="my-orders"),
    *order_urls.urlpatterns,
]
