"""E-mails in the admin: to read only, as the customer saw them."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.views.decorators.clickjacking import xframe_options_sameorigin

from notifications.models import EmailMessage, EmailState, Kind
from orchestration.admin.participants import ParticipantPage
from orchestration.admin.theme import label

POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox"
)
"""What a customer wrote may stand in a mail: nothing in it runs, loads or is sent, also when it is opened alone."""

COLOURS = {EmailState.PENDING.value: "warning", EmailState.SENT.value: "success"}
KIND_COLOURS = {
    Kind.ORDER_SHIPPED.value: "success",
    Kind.ORDER_BACKORDERED.value: "warning",
    Kind.ORDER_CANCELLED.value: "danger",
}


@admin.register(EmailMessage)
class EmailMessageAdmin(ParticipantPage):
    """One row for each e-mail, newest first."""

    instead = "An e-mail is written and sent once, by a step of its saga; its words are fixed when it is first written."
    list_display = ("subject", "belongs_to", "shown_kind", "to", "shown_state", "created_at", "sent_at")
    list_filter = ("kind", "state")
    search_help_text = "Order number, e-mail address, order id or message id"
    found_by = ("message_id",)
    fields: ClassVar[Any] = (
        ("belongs_to", "to"),
        ("shown_kind", "shown_state"),
        "subject",
        ("created_at", "sent_at"),
        "problem",
        "letter",
        "plain_text",
        "message_id",
        "file",
    )
    readonly_fields = ("belongs_to", "shown_kind", "shown_state", "letter", "plain_text")

    @label(description="kind", ordering="kind", colours=KIND_COLOURS)
    def shown_kind(self, message: EmailMessage) -> tuple[str, str]:
        """What the customer is told, as a coloured label."""
        return message.kind, message.get_kind_display()

    @label(description="state", ordering="state", colours=COLOURS)
    def shown_state(self, message: EmailMessage) -> tuple[str, str]:
        """Whether it has left, as a coloured label."""
        return message.state, message.get_state_display()

    @admin.display(description="as the customer saw it")
    def letter(self, message: EmailMessage) -> str:
        """The HTML part in a frame in which nothing can run."""
        address = reverse("admin:notifications_emailmessage_letter", args=[message.pk])
        return format_html(
            '<iframe class="notifications-letter" sandbox="" src="{}" title="{}" loading="lazy"></iframe>',
            address,
            f"The e-mail: {message.subject}",
        )

    @admin.display(description="text part")
    def plain_text(self, message: EmailMessage) -> str:
        """What a reader without HTML saw."""
        return format_html('<pre class="orchestration-json">{}</pre>', message.text)

    class Media:
        """The size of the frame."""

        css: ClassVar[dict[str, list[str]]] = {"all": ["notifications/admin.css"]}

    def get_urls(self) -> list[URLPattern]:
        seen = self.admin_site.admin_view(xframe_options_sameorigin(self.letter_view))
        own = path("<int:message_id>/letter/", seen, name="notifications_emailmessage_letter")
        return [own, *super().get_urls()]

    def letter_view(self, request: HttpRequest, message_id: int) -> HttpResponse:
        """The HTML part alone.

        Raises:
            PermissionDenied: the account may not see e-mails.
            Http404: there is no such e-mail.
        """
        if not self.has_view_permission(request):
            raise PermissionDenied
        html = EmailMessage.objects.filter(pk=message_id).values_list("html", flat=True).first()
        if html is None:
            raise Http404("There is no such e-mail.")
        answer = HttpResponse(html)
        answer["Content-Security-Policy"] = POLICY
        answer["Cache-Control"] = "no-store"
        return answer
