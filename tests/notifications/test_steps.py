"""The e-mails as a customer gets them: the right words, to the right address, once."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Callable
from email.message import EmailMessage as Letter
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from notifications import contracts, tasks
from notifications.models import EmailMessage
from orchestration import Failure, StepContext

pytestmark = pytest.mark.django_db

Context = Callable[..., StepContext]
News = Callable[..., dict[str, Any]]


def letters(folder: Path) -> list[Letter]:
    found = sorted(folder.glob("*")) if folder.exists() else []
    assert all(path.suffix == ".eml" for path in found)
    return [email.message_from_bytes(path.read_bytes(), policy=email.policy.default) for path in found]


def part(letter: Letter, kind: str) -> str:
    body = letter.get_body((kind,))
    assert body is not None
    return str(body.get_content())


def failure(kind: str = "rejected", code: str = "card_declined", **data: Any) -> Failure:
    return Failure(step="payments.authorize", kind=kind, code=code, message="no", data=data)


def test_a_shipped_order_is_told_with_carrier_tracking_and_lines(
    mail_folder: Path, news: News, context: Context
) -> None:
    command = contracts.TellOrderShipped.model_validate(news(tracking="TRK1", carrier="Speedy Express"))
    tasks.order_shipped(command, context())
    (letter,) = letters(mail_folder)
    assert letter["To"] == "vinet@example.com"
    assert letter["From"] == "Orderly <orders@orderly.example>"
    assert letter["Subject"] == "Your order NW-10248 is on its way"
    for kind in ("plain", "html"):
        text = part(letter, kind)
        for word in (
            "Paul Henriot",
            "NW-10248",
            "TRK1",
            "Speedy Express",
            "Queso Cabrales",
            "NW-42",
            "1,234.50 USD",
        ):
            assert word in text


def test_a_back_ordered_order_is_told_what_is_missing(
    mail_folder: Path, news: News, context: Context
) -> None:
    command = contracts.TellOrderBackordered.model_validate(news(short_skus=["NW-11", "NW-42"]))
    tasks.order_backordered(command, context())
    (letter,) = letters(mail_folder)
    assert letter["Subject"] == "Your order NW-10248 has to wait for stock"
    for kind in ("plain", "html"):
        assert "Queso Cabrales, NW-42" in part(letter, kind)
        assert "You will not be charged before that" in part(letter, kind)


def test_a_cancelled_order_is_told_why_and_that_nothing_was_charged(
    mail_folder: Path, news: News, context: Context
) -> None:
    command = contracts.TellOrderCancelled.model_validate(news())
    tasks.order_cancelled(command, context(failure=failure()))
    (letter,) = letters(mail_folder)
    assert letter["Subject"] == "Your order NW-10248 was cancelled"
    for kind in ("plain", "html"):
        assert "Your bank declined the payment." in part(letter, kind)
        assert "You have not been charged." in part(letter, kind)


def test_a_cancelled_order_that_was_paid_is_told_of_its_money(
    mail_folder: Path, news: News, context: Context
) -> None:
    command = contracts.TellOrderCancelled.model_validate(news(capture_id="cap_1"))
    tasks.order_cancelled(command, context(failure=failure("cancel", "cancelled")))
    (letter,) = letters(mail_folder)
    for kind in ("plain", "html"):
        assert "You asked us to cancel it." in part(letter, kind)
        assert "The 1,234.50 USD you paid are on their way back to you." in part(letter, kind)


def test_a_discontinued_product_is_called_by_its_name(
    mail_folder: Path, news: News, context: Context
) -> None:
    command = contracts.TellOrderCancelled.model_validate(news())
    tasks.order_cancelled(
        command, context(failure=failure("rejected", "discontinued", skus=["NW-11", "NW-42"]))
    )
    (letter,) = letters(mail_folder)
    assert "Queso Cabrales and NW-42 are no longer made" in part(letter, "plain")


def test_the_step_again_sends_nothing_again(mail_folder: Path, news: News, context: Context) -> None:
    command, same = contracts.TellOrderShipped.model_validate(news()), context()
    first = tasks.order_shipped(command, same)
    assert tasks.order_shipped(command, same) == first
    tasks.save_order_shipped(command, first, same)
    tasks.save_order_shipped(command, first, same)
    assert tasks.order_shipped(command, context()) == first
    assert len(letters(mail_folder)) == EmailMessage.objects.count() == 1


def test_the_row_says_sent_only_once_it_is_recorded(mail_folder: Path, news: News, context: Context) -> None:
    command, same = contracts.TellOrderShipped.model_validate(news()), context()
    result = tasks.order_shipped(command, same)
    assert EmailMessage.objects.values_list("state", "sent_at", "file").get() == ("pending", None, "")
    tasks.save_order_shipped(command, result, same)
    row = EmailMessage.objects.get()
    assert row.state == "sent"
    assert row.sent_at is not None
    assert (mail_folder / row.file).is_file()


def test_a_mail_that_left_before_a_crash_is_found_and_not_written_again(
    mail_folder: Path, news: News, context: Context
) -> None:
    command, same = contracts.TellOrderShipped.model_validate(news()), context()
    assert tasks.find_order_shipped(command, same) is None
    result = tasks.order_shipped(command, same)
    (path,) = mail_folder.iterdir()
    path.write_bytes(b"as it was sent")
    assert tasks.find_order_shipped(command, same) == result
    tasks.order_shipped(command, same)
    assert path.read_bytes() == b"as it was sent"


def test_words_that_were_written_down_but_not_sent_are_not_found(
    mail_folder: Path, news: News, context: Context
) -> None:
    command, same = contracts.TellOrderShipped.model_validate(news()), context()
    tasks.order_shipped(command, same)
    (path,) = mail_folder.iterdir()
    path.unlink()
    assert tasks.find_order_shipped(command, same) is None
    tasks.order_shipped(command, same)
    assert path.is_file()


def test_each_kind_of_news_of_an_order_has_its_own_mail(
    mail_folder: Path, news: News, context: Context
) -> None:
    order_id = uuid4()
    tasks.order_backordered(contracts.TellOrderBackordered.model_validate(news(order_id=order_id)), context())
    tasks.order_shipped(contracts.TellOrderShipped.model_validate(news(order_id=order_id)), context())
    assert len(letters(mail_folder)) == 2


def test_a_name_can_neither_write_html_nor_headers(mail_folder: Path, news: News, context: Context) -> None:
    nasty = "<script>alert(1)</script>\nBcc: all@example.com"
    command = contracts.TellOrderShipped.model_validate(
        news(customer_name=nasty, reference="NW\r\nBcc: x@example.com")
    )
    tasks.order_shipped(command, context())
    (letter,) = letters(mail_folder)
    assert letter["Bcc"] is None
    assert "<script>" not in part(letter, "html")
    assert "&lt;script&gt;" in part(letter, "html")
    assert "<script>alert(1)</script>" in part(letter, "plain")
