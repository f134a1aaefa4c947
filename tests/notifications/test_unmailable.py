"""What cannot be mailed: known before an order is taken, done without afterwards, and never a reason to undo an order."""

from __future__ import annotations

import email
import smtplib
from collections.abc import Callable
from typing import Any

import pytest
from django.core import mail
from django.core.exceptions import ValidationError
from django.core.mail.backends.base import BaseEmailBackend
from django.core.validators import validate_email
from hypothesis import given
from hypothesis import strategies as st

from notifications import contracts
from notifications import tasks as steps
from notifications.addresses import why_not_mailable
from notifications.models import EmailMessage
from orchestration import StepContext, StepRetryable

tasks: Any = steps
"""Its functions are called here as the engine calls them."""

REFUSED = [
    "ana@example.com\u200f",
    "ana\u200b@example.com",
    "ana@" + "ü" * 60 + ".com",
    '"a\x0bb"@example.com',
    '"a\x7fb"@example.com',
    '"a\x1cb"@example.com',
    "ü@example.com",
    "x" * 65 + "@example.com",
    "a@" + ".".join(["x" * 60] * 5),
    "a@" + ".".join(["ü" * 20] * 12),
    "nobody",
    "@example.com",
    "ana@",
]
TAKEN = ["ana@example.com", "a.b+c@bücher.example", '"a b"@example.com', '"ab"@example.com', "a@[127.0.0.1]"]


@pytest.mark.parametrize("address", REFUSED, ids=ascii)
def test_an_address_that_cannot_be_mailed_is_known_beforehand(address: str) -> None:
    assert why_not_mailable(address) != ""


def _can_be_sent(address: str) -> bool:
    """What Django does for a mail server: one header block, and the same address read back from it."""
    content = mail.EmailMessage("S", "T", "shop@example.com", [address]).message().as_bytes()
    read = email.message_from_bytes(content)
    return read["Subject"] == "S" and read.get_payload() == "T" and len(read.get_all("To", [])) == 1


@pytest.mark.parametrize("address", TAKEN)
def test_an_address_that_is_taken_can_be_sent_to(address: str) -> None:
    assert why_not_mailable(address) == ""
    assert _can_be_sent(address)


@given(st.builds("{}@{}".format, st.text(min_size=1, max_size=70), st.text(min_size=1, max_size=70)))
def test_whatever_is_taken_can_be_sent_to(address: str) -> None:
    try:
        validate_email(address)
    except ValidationError:
        return
    assert why_not_mailable(address) or _can_be_sent(address)


class Refusing(BaseEmailBackend):
    """A mail server that refuses as the test says."""

    error: Exception

    def send_messages(self, email_messages: Any) -> int:
        raise self.error


@pytest.fixture
def server(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[Exception], None]:
    monkeypatch.setattr("django.core.mail.import_string", lambda _: Refusing)
    return lambda error: monkeypatch.setattr(Refusing, "error", error, raising=False)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("error", "why"),
    [
        (smtplib.SMTPRecipientsRefused({"a@example.com": (550, b"no such user")}), "refused it (550)"),
        (smtplib.SMTPDataError(554, b"spam"), "refused it (554)"),
        (smtplib.SMTPNotSupportedError("SMTPUTF8"), "SMTPNotSupportedError"),
        (ValueError("Invalid address"), "ValueError"),
        (UnicodeEncodeError("idna", "x", 0, 1, "label too long"), "UnicodeEncodeError"),
    ],
    ids=lambda it: type(it).__name__ if isinstance(it, Exception) else None,
)
def test_a_definite_no_is_done_without_a_mail_and_noted(
    server: Any, news: Any, context: Any, error: Exception, why: str
) -> None:
    server(error)
    command = contracts.TellOrderShipped(**news())
    told = tasks.order_shipped.act(command, context())
    assert (told.mailed, why in told.why_not) == (False, True)
    tasks.order_shipped.save(command, told, context())
    (row,) = EmailMessage.objects.all()
    assert (row.state, row.sent_at, row.problem) == ("unmailable", None, told.why_not)
    assert tasks.find_order_shipped(command, context()) == told


@pytest.mark.django_db
@pytest.mark.parametrize(
    "error",
    [
        smtplib.SMTPRecipientsRefused({"a@example.com": (450, b"greylisted")}),
        smtplib.SMTPDataError(451, b"later"),
    ],
)
def test_what_may_be_taken_later_is_tried_again(
    server: Any, news: Any, context: Any, error: Exception
) -> None:
    server(error)
    with pytest.raises(StepRetryable):
        tasks.order_shipped.act(contracts.TellOrderShipped(**news()), context())
    assert EmailMessage.objects.get().state == "pending"


@pytest.mark.django_db
def test_an_address_of_an_older_order_is_done_without(mail_folder: Any, news: Any, context: Any) -> None:
    told = tasks.order_shipped.act(contracts.TellOrderShipped(**news(email="a@example.com\u200f")), context())
    assert (told.mailed, told.why_not) == (False, "The address has a character that cannot be seen.")
    assert not mail_folder.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("error", [ConnectionRefusedError("down"), TimeoutError("slow"), RuntimeError("bug")])
def test_the_mail_about_a_wait_is_given_up_before_it_would_undo_the_order(
    server: Any, news: Any, context: Callable[..., StepContext], error: Exception
) -> None:
    server(error)
    command = contracts.TellOrderBackordered(**news())
    with pytest.raises(Exception, match=r"."):
        tasks.order_backordered.act(command, context(attempt=4))
    told = tasks.order_backordered.act(command, context(attempt=5))
    assert told.mailed is False
    tasks.order_backordered.save(command, told, context())
