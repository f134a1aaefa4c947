"""Each invariant of notifications, true first and then broken by hand: it must name what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection

from notifications import invariants
from notifications.mail import record_sent, send_email, write_email
from notifications.models import EmailMessage, Kind
from notifications.rendering import Words

pytestmark = [pytest.mark.django_db, pytest.mark.owner]

ALL = (
    invariants.one_email_per_order_and_kind,
    invariants.sent_emails_are_there,
    invariants.nothing_is_left_unsent,
)


def write() -> EmailMessage:
    words = Words(subject="Subject", text="Text\n", html="<p>Text</p>")
    order_id = uuid4()
    return write_email(
        key=str(order_id), order_id=order_id, kind=Kind.ORDER_SHIPPED, to="a@example.com", words=words
    )


@pytest.fixture
def order_id() -> UUID:
    """An order whose customer was told."""
    message = write()
    send_email(message)
    record_sent(message_id=message.message_id)
    return message.order_id


def test_mail_in_order_breaks_nothing(order_id: UUID) -> None:
    assert [invariant().violations for invariant in ALL] == [[], [], []]
    assert (
        invariants.one_email_per_order_and_kind().checked == invariants.sent_emails_are_there().checked == 1
    )


def test_two_mails_of_one_kind_are_named(order_id: UUID) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE notifications_emailmessage DROP CONSTRAINT one_email_per_order_and_kind")
    row = EmailMessage.objects.get()
    row.pk, row.message_id = None, "another"
    row.save(force_insert=True)
    assert invariants.one_email_per_order_and_kind().violations == [
        f"order {order_id}: 2 e-mails order_shipped"
    ]


def test_a_mail_that_is_gone_is_named(order_id: UUID, mail_folder: Path) -> None:
    (path,) = mail_folder.iterdir()
    path.unlink()
    (violation,) = invariants.sent_emails_are_there().violations
    assert (
        violation == f"order {order_id}: order_shipped is recorded as sent, its file {path.name} is not there"
    )


def test_where_mail_does_not_go_to_files_nothing_is_claimed(order_id: UUID, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert invariants.sent_emails_are_there().checked == 0


def test_a_mail_left_unsent_is_named_once_its_saga_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    message = write()
    assert invariants.nothing_is_left_unsent().violations == [
        f"order {message.order_id}: order_shipped was never recorded as sent"
    ]
    monkeypatch.setattr(invariants, "open_business_keys", lambda: {str(message.order_id)})
    assert invariants.nothing_is_left_unsent().violations == []
