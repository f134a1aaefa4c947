"""Sending: what the file backend promises, and what a mail server's failures mean."""

from __future__ import annotations

import smtplib
import threading
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from notifications.backends import EmlFileBackend
from notifications.mail import find_email, message_id_for, record_sent, send_email, write_email
from notifications.models import EmailMessage, Kind
from notifications.rendering import Words
from orchestration import OutcomeUnknown, StepError, StepRetryable

WORDS = Words(subject="Subject", text="Text\n", html="<p>Text</p>")


def written(key: str = "saga/step/forward/1", **changes: Any) -> EmailMessage:
    values = {"order_id": uuid4(), "kind": Kind.ORDER_SHIPPED, "to": "a@example.com", "words": WORDS}
    return write_email(key=key, **{**values, **changes})


def letter(message_id: str = "<one@orderly.invalid>") -> mail.EmailMessage:
    return mail.EmailMessage(
        "Subject", "Text", "b@example.com", ["a@example.com"], headers={"Message-ID": message_id}
    )


def test_a_message_is_one_file_and_the_first_one_stays(mail_folder: Path) -> None:
    backend = EmlFileBackend()
    assert not backend.has("one")
    assert backend.send_messages([letter()]) == 1
    (path,) = mail_folder.iterdir()
    assert path.name == "one.eml"
    first = path.read_bytes()
    assert backend.send_messages([letter()]) == 1
    assert path.read_bytes() == first
    assert backend.has("one")


@pytest.mark.parametrize(
    "message_id", ["", "<>", "<../x@orderly.invalid>", "<a/b@c>", "<.hidden@c>", f"<{'x' * 201}@c>"]
)
def test_a_message_id_that_names_no_file_is_refused(mail_folder: Path, message_id: str) -> None:
    with pytest.raises(ValueError, match="Message-ID"):
        EmlFileBackend().send_messages([letter(message_id)])
    assert not mail_folder.exists()


def test_a_crash_while_writing_leaves_nothing_that_counts_as_sent(
    mail_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(_: Any, __: Any) -> None:
        raise OSError("disk full")

    backend = EmlFileBackend()
    with monkeypatch.context() as patch:
        patch.setattr("notifications.backends.os.replace", crash)
        with pytest.raises(OSError, match="disk full"):
            backend.send_messages([letter()])
    assert list(mail_folder.iterdir()) == []
    backend.send_messages([letter()])
    assert backend.has("one")


def test_different_keys_never_share_a_message_id() -> None:
    keys = ["a/b", "a-b", "a b", "A/b", "a/b/", "é", "", "x" * 300, "x" * 301]
    ids = [message_id_for(key) for key in keys]
    assert len(set(ids)) == len(keys)
    for message_id in ids:
        EmlFileBackend().path(message_id)


@pytest.mark.django_db
def test_a_folder_that_cannot_be_written_means_that_it_did_not_leave(mail_folder: Path) -> None:
    mail_folder.parent.mkdir(exist_ok=True)
    mail_folder.write_text("a file where the folder should be")
    with pytest.raises(StepRetryable):
        send_email(written())
    assert EmailMessage.objects.get().state == "pending"


class FailingBackend(BaseEmailBackend):
    """A mail server that fails as the test says."""

    error: Exception

    def send_messages(self, email_messages: Any) -> int:
        raise self.error


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (smtplib.SMTPServerDisconnected("gone"), OutcomeUnknown),
        (TimeoutError("slow"), OutcomeUnknown),
        (ConnectionRefusedError("nobody there"), StepRetryable),
        (smtplib.SMTPConnectError(421, b"busy"), StepRetryable),
        (smtplib.SMTPAuthenticationError(535, b"no"), StepRetryable),
        (smtplib.SMTPRecipientsRefused({}), StepRetryable),
    ],
    ids=lambda it: type(it).__name__ if isinstance(it, Exception) else None,
)
def test_each_failure_of_a_mail_server_says_what_is_known(
    settings: Any, monkeypatch: pytest.MonkeyPatch, error: Exception, expected: type[StepError]
) -> None:
    settings.EMAIL_BACKEND = f"{__name__}.FailingBackend"
    monkeypatch.setattr(FailingBackend, "error", error, raising=False)
    monkeypatch.setattr("django.core.mail.import_string", lambda _: FailingBackend)
    message = written()
    with pytest.raises(expected):
        send_email(message)
    assert find_email(order_id=message.order_id, kind=Kind.ORDER_SHIPPED) is None


@pytest.mark.django_db
def test_mail_that_does_not_go_to_files_is_recorded_without_one(settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    message = written()
    send_email(message)
    record_sent(message_id=message.message_id)
    message.refresh_from_db()
    assert (message.state, message.file, len(mail.outbox)) == ("sent", "", 1)
    send_email(message)
    assert len(mail.outbox) == 1
    assert find_email(order_id=message.order_id, kind=Kind.ORDER_SHIPPED) == message


@pytest.mark.django_db(transaction=True)
def test_one_mail_written_by_many_at_once_is_one_mail(mail_folder: Path) -> None:
    order_id, barrier = uuid4(), threading.Barrier(8)
    ids: list[str] = []

    def tell(number: int) -> None:
        barrier.wait(timeout=20)
        try:
            message = written(key=f"key {number}", order_id=order_id)
            send_email(message)
            ids.append(message.message_id)
        finally:
            connection.close()

    threads = [threading.Thread(target=tell, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert len(ids) == 8
    assert len(set(ids)) == len(list(mail_folder.iterdir())) == EmailMessage.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    "changes",
    [{"state": "sent"}, {"sent_at": timezone.now()}, {"state": "lost"}, {}],
    ids=["sent without a time", "a time without sent", "unknown state", "the same order and kind"],
)
def test_what_cannot_be_true_of_a_mail_is_refused(changes: dict[str, Any]) -> None:
    first = written()
    values: dict[str, Any] = {
        "order_id": uuid4(),
        "kind": Kind.ORDER_SHIPPED,
        "message_id": "m",
        "to": "a@example.com",
    }
    if not changes:
        changes = {"order_id": first.order_id}
    with pytest.raises(IntegrityError), transaction.atomic():
        EmailMessage.objects.create(**{**values, **changes})
