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

from notifications.addresses import why_not_mailable
from notifications.backends import DOMAIN, EmlFileBackend
from notifications.models import EmailMessage, EmailState, Kind
from notifications.rendering import Words
from orchestration import OutcomeUnknown, StepRetryable
from orchestration.sentences import sentence


class CannotBeMailed(Exception):
    """An e-mail that will never leave, whatever is repeated. No error of a step: the order goes on without it."""


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
        CannotBeMailed: it did not leave, and never will: its address takes nothing, or the server has said a definite no.
        StepRetryable: it did not leave.
        OutcomeUnknown: it may have left.
    """
    if message.state == EmailState.SENT:
        return
    if message.state == EmailState.UNMAILABLE:
        raise CannotBeMailed(message.problem)
    if why_not := why_not_mailable(message.to):
        raise CannotBeMailed(sentence(f"The address {why_not}"))
    letter = mail.EmailMultiAlternatives(
        subject=message.subject,
        body=message.text,
        to=[message.to],
        headers={"Message-ID": f"<{message.message_id}@{DOMAIN}>"},
    )
    letter.attach_alternative(message.html, "text/html")
    try:
        letter.send()
    except (smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError) as error:
        if (code := definite_no(error)) is not None:
            raise CannotBeMailed(f"The mail server refused it ({code}).") from error
        raise StepRetryable("The mail server put it off.", code="mail_put_off") from error
    except (ValueError, LookupError, smtplib.SMTPNotSupportedError) as error:
        # It could not be written as a message, or the server cannot take such an address: the same the next time.
        raise CannotBeMailed(f"It cannot be written as an e-mail ({type(error).__name__}).") from error
    except (smtplib.SMTPServerDisconnected, TimeoutError) as error:
        raise OutcomeUnknown("The mail server did not answer.", code="mail_silent") from error
    except (smtplib.SMTPException, OSError) as error:
        raise StepRetryable(
            f"The e-mail could not be sent ({type(error).__name__}).", code="mail_failed"
        ) from error


def definite_no(error: smtplib.SMTPRecipientsRefused | smtplib.SMTPDataError) -> int | None:
    """The server's code, if it says that this message will never be taken (5xx); None where it may be, later (4xx)."""
    if isinstance(error, smtplib.SMTPDataError):
        codes = [error.smtp_code]
    else:
        codes = [code for code, _ in error.recipients.values()]
    return codes[0] if codes and all(500 <= code < 600 for code in codes) else None


def find_email(*, order_id: UUID, kind: Kind) -> EmailMessage | None:
    """The e-mail of an order and kind, if it has certainly left or certainly cannot; None otherwise."""
    message = EmailMessage.objects.filter(order_id=order_id, kind=kind).first()
    if message is None:
        return None
    known = message.state in (EmailState.SENT, EmailState.UNMAILABLE)
    return message if known or file_of(message) else None


def record_sent(*, message_id: str) -> None:
    """Write that an e-mail has left. Must be inside a transaction; may be called again."""
    message = EmailMessage.objects.select_for_update().get(message_id=message_id)
    if message.state == EmailState.SENT:
        return
    message.state = EmailState.SENT
    message.sent_at = timezone.now()
    message.file = file_of(message)
    message.save(update_fields=["state", "sent_at", "file"])


def record_unmailable(*, message_id: str, why: str) -> None:
    """Write that an e-mail was done without. Must be inside a transaction; may be called again."""
    message = EmailMessage.objects.select_for_update().filter(message_id=message_id).first()
    # There is none where not even its words could be written.
    if message is not None and message.state == EmailState.PENDING:
        message.state, message.problem = EmailState.UNMAILABLE, why[:255]
        message.save(update_fields=["state", "problem"])


def file_of(message: EmailMessage) -> str:
    """Name of its file; empty when it is not there, or when mail does not go to files."""
    backend = mail.get_connection()
    if isinstance(backend, EmlFileBackend) and backend.has(message.message_id):
        return backend.path(message.message_id).name
    return ""
