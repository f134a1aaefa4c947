"""The admin's face (django-unfold): title, colours, and the sidebar by area of work."""

from __future__ import annotations

from typing import Any

from django.templatetags.static import static
from django.urls import reverse_lazy


def _item(title: str, icon: str, model: str) -> dict[str, Any]:
    """An entry of the sidebar, seen by those who may see its rows. `model` is `app.model`."""
    app, name = model.split(".")
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{app}_{name}_changelist"),
        "permission": lambda request: request.user.has_perm(f"{app}.view_{name}"),
    }


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Orderly",
    "SITE_HEADER": "Orderly",
    "SITE_SUBHEADER": "Orders and their sagas",
    "SITE_SYMBOL": "deployed_code",
    "SITE_URL": "/",
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": True,
    "SHOW_BACK_BUTTON": True,
    "BORDER_RADIUS": "6px",
    "STYLES": [lambda request: static("config/admin.css")],
    "DASHBOARD_CALLBACK": "config.admin.landing.landing",
    "COLORS": {
        "primary": {
            "50": "oklch(98.4% .014 180.7)",
            "100": "oklch(95.3% .051 180.8)",
            "200": "oklch(91% .096 180.4)",
            "300": "oklch(85.5% .138 181.1)",
            "400": "oklch(77.7% .152 181.9)",
            "500": "oklch(70.4% .14 182.5)",
            "600": "oklch(52% .1 184.7)",
            "700": "oklch(45.5% .09 186.4)",
            "800": "oklch(40% .078 188.2)",
            "900": "oklch(34.8% .066 188.4)",
            "950": "oklch(27.7% .046 192.5)",
        },
    },
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": [
            {
                "items": [{"title": "Overview", "icon": "home", "link": reverse_lazy("admin:index")}],
            },
            {
                "title": "Orders",
                "items": [
                    _item("Orders", "shopping_bag", "orders.order"),
                    _item("Order lines", "list_alt", "orders.orderline"),
                    _item("Products", "category", "orders.product"),
                    _item("Search words", "manage_search", "orders.searchwords"),
                ],
            },
            {
                "title": "Sagas",
                "items": [
                    _item("Sagas", "account_tree", "orchestration.saga"),
                    _item("Incidents", "report", "orchestration.incident"),
                    _item("Dead letters", "unsubscribe", "orchestration.deadletter"),
                ],
            },
            {
                "title": "Money",
                "items": [_item("Payments", "payments", "payments.payment")],
            },
            {
                "title": "Warehouse",
                "items": [
                    _item("Stock", "inventory_2", "shipping.stock"),
                    _item("Reservations", "bookmark", "shipping.reservation"),
                    _item("Shipments", "local_shipping", "shipping.shipment"),
                    _item("Movements", "swap_vert", "shipping.stockmovement"),
                ],
            },
            {
                "title": "Mail",
                "items": [_item("E-mails", "mail", "notifications.emailmessage")],
            },
            {
                "title": "Tasks",
                "items": [
                    _item("Failed tasks", "error", "django_celery_results.taskresult"),
                    _item("Outbox", "outbox", "orchestration.outboxmessage"),
                    _item("Inbox", "inbox", "orchestration.inboxmessage"),
                ],
            },
            {
                "title": "Access",
                "collapsible": True,
                "items": [_item("Users", "person", "auth.user"), _item("Groups", "group", "auth.group")],
            },
        ],
    },
}
