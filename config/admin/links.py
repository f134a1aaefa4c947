"""From one record of an order to all others: the apps are strangers to each other, so their pages are joined here."""

from __future__ import annotations

from uuid import UUID

from django.urls import reverse

from notifications.models import EmailMessage
from orders.models import Order
from payments.models import Payment
from shipping.models import Reservation, Shipment


def of_order(business_key: str) -> list[tuple[str, str]]:
    """Label and address of each record of an order; none for a key that is no order's. Five queries at most.

    Wired by `ORCHESTRATION["ADMIN_LINKS"]`.
    """
    try:
        order_id = UUID(business_key)
    except ValueError:
        return []
    reference = Order.objects.filter(id=order_id).values_list("reference", flat=True).first()
    if reference is None:
        return []
    found = [(f"Order {reference}", reverse("admin:orders_order_change", args=[order_id]))]
    for label, model in (("Payment", Payment), ("Reservation", Reservation), ("Shipment", Shipment)):
        pk = model._default_manager.filter(order_id=order_id).values_list("pk", flat=True).first()
        if pk is not None:
            address = f"admin:{model._meta.app_label}_{model._meta.model_name}_change"
            found.append((label, reverse(address, args=[pk])))
    mails = EmailMessage.objects.filter(order_id=order_id).order_by("id").values_list("pk", "kind")
    for pk, kind in mails:
        words = kind.removeprefix("order_").replace("_", " ")
        found.append((f"E-mail: {words}", reverse("admin:notifications_emailmessage_change", args=[pk])))
    return found
