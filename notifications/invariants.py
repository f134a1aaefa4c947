"""What must be true of e-mails, checked by `manage.py verify` against the files in the mail folder."""

from __future__ import annotations

from django.core import mail
from django.db.models import Count

from notifications.backends import EmlFileBackend
from notifications.mail import file_of
from notifications.models import EmailMessage, EmailState
from orchestration.standing import left_out_by_business_key
from orchestration.verification import Finding, invariant, open_business_keys


@invariant("notifications: one e-mail for each order and kind")
def one_email_per_order_and_kind() -> Finding:
    """At every moment."""
    repeated = (
        EmailMessage.objects.values("order_id", "kind").annotate(number=Count("id")).filter(number__gt=1)
    )
    return Finding(
        checked=EmailMessage.objects.count(),
        violations=[
            f"order {row['order_id']}: {row['number']} e-mails {row['kind']}" for row in repeated.order_by()
        ],
    )


@invariant("notifications: what is recorded as sent has left")
def sent_emails_are_there() -> Finding:
    """Only where mail goes to files: an SMTP server cannot be asked."""
    sent = list(EmailMessage.objects.filter(state=EmailState.SENT))
    if not isinstance(mail.get_connection(), EmlFileBackend):
        return Finding(checked=0, violations=[])
    return Finding(
        checked=len(sent),
        violations=[
            f"order {message.order_id}: {message.kind} is recorded as sent, its file {message.file or '(none)'} is not there"
            for message in sent
            if not message.file or file_of(message) != message.file
        ],
    )


@invariant("notifications: no e-mail is left unsent once its saga has ended")
def nothing_is_left_unsent() -> Finding:
    """Only orders at rest."""
    busy = open_business_keys()
    pending = list(EmailMessage.objects.filter(state=EmailState.PENDING))
    at_rest = [message for message in pending if str(message.order_id) not in busy]
    left_out = left_out_by_business_key()
    told = [
        (
            f"order {message.order_id}: {message.kind} was never recorded as sent",
            f"notifications.{message.kind}" in left_out.get(str(message.order_id), set()),
        )
        for message in at_rest
    ]
    return Finding(
        checked=len(pending),
        violations=[sentence for sentence, is_decided in told if not is_decided],
        kept=[sentence for sentence, is_decided in told if is_decided],
    )
