"""E-mails in the admin: to read only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin

from notifications.models import EmailMessage

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin

    EmailModelAdmin = ModelAdmin[EmailMessage]
else:
    from unfold.admin import ModelAdmin as EmailModelAdmin


@admin.register(EmailMessage)
class EmailMessageAdmin(EmailModelAdmin):
    """One row for each e-mail."""

    list_display = ("subject", "kind", "to", "state", "created_at", "sent_at")
    list_filter = ("kind", "state")
    search_fields = ("order_id", "to", "subject", "message_id")

    def has_add_permission(self, request: Any) -> bool:
        return False

    def has_change_permission(self, request: Any, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: Any, obj: Any = None) -> bool:
        return False
