"""Writing and sending an e-mail, each once for an order and kind, through Django's mail API.

First the words are written down (a short transaction of its own), then the message is sent under a Message-ID made from
the step's idempotency key, then the step's record says that it has left. Between any two of them the process may die.
"""

from __future__ import annotations

import hashlib
import re
import smtplib
from uuid import UUID

from django.core import mail
from django.utils import timezone

from notifications.backends import DOMAIN, EmlFileBackend
from notifications.models import EmailMessage, EmailState, Kind
from notifications.rendering import Words
from orchestration import OutcomeUnknown, StepRetryable


def message_id_for(key: str) -> str:
    """The idempotency key in letters that may stand in a Message-ID and a file name; different keys stay different."""
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", key).strip("-.")[:120]
    return f"{safe}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"


def write_email(*, key: str, order_id: UUID, kind: Kind, to: str, words: Words) -> EmailMessage:
    """Write an e-mail down, unless there is one for this order and kind already; return the one there is.

    Idempotent by order and kind, whoever else writes it at the same time.
    """
    message, _ = EmailMessage.objects.get_or_create(
        order_id=order_id,
        kind=kind,
        defaults={
            "message_id": message_id_for(key),
            "to": to,
            "subject": words.subject,
            "text": words.text,
            "html": words.html,
        },
    )
    return message


def send_email(message: EmailMessage) -> None:
    """Send it, unless it is recorded as sent. No transaction may be open.

    Raises:
        StepRetryable: it did not leave.
        OutcomeUnknown: it may have left.
    """
    if message.state == EmailState.SENT:
        return
    letter = mail.EmailMultiAlternatives(
        subject=message.subject,
        body=message.text,
        to=[message.to],
        headers={"Message-ID": f"<{message.message_id}@{DOMAIN}>"},
    )
    letter.attach_alternative(message.html, "text/html")
    try:
        letter.send()
    except (smtplib.SMTPServerDisconnected, TimeoutError) as error:
        raise OutcomeUnknown("The mail server did not answer.", code="mail_silent") from error
    except (smtplib.SMTPException, OSError) as error:
        raise StepRetryable(
            f"The e-mail could not be sent ({type(error).__name__}).", code="mail_failed"
        ) from error


def find_email(*, order_id: UUID, kind: Kind) -> EmailMessage | None:
    """The e-mail of an order and kind, if it has certainly left; None when it has not, or when nobody can say."""
    message = EmailMessage.objects.filter(order_id=order_id, kind=kind).first()
    if message is None:
        return None
    return message if message.state == EmailState.SENT or file_of(message) else None


def record_sent(*, message_id: str) -> None:
    """Write that an e-mail has left. Must be inside a transaction; may be called again."""
    message = EmailMessage.objects.select_for_update().get(message_id=message_id)
    if message.state == EmailState.SENT:
        return
    message.state = EmailState.SENT
    message.sent_at = timezone.now()
    message.file = file_of(message)
    message.save(update_fields=["state", "sent_at", "file"])


def file_of(message: EmailMessage) -> str:
    """Name of its file; empty when it is not there, or when mail does not go to files."""
    backend = mail.get_connection()
    if isinstance(backend, EmlFileBackend) and backend.has(message.message_id):
        return backend.path(message.message_id).name
    return ""
