"""An undo that a person has left out: told truly by saga, list, page, mail, API and verify, each by the same rule."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client

from notifications.models import EmailMessage
from orchestration.models import SagaStep
from orchestration.services import skip_step
from orchestration.testing import SagaRun
from orchestration.verification import run_invariants
from orders.models import Order
from orders.storefront.order_progress import read_progress
from payments.models import Payment
from tests.orders.conftest import TOKEN
from tests.orders.fulfilment import DISPATCHED, fulfil, stock

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def written_off(catalog: None, settings: Any, tmp_path: Path) -> tuple[Order, SagaRun]:
    """An order that was paid and cannot be sent, whose refund failed and was left out."""
    settings.EMAIL_BACKEND = "notifications.backends.EmlFileBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path / "mail")
    stock(NW_11=1)
    order, run = fulfil(("NW-11", 1), reject_at={"shipping.create_label": 1, "payments.refund": 1})
    assert run.until_rest().state == "undo_failed"
    run.decide(skip_step, step="payments.capture", direction="undo", by="ana", reason="written off")
    assert run.until(lambda each: each.state == "compensated").state == "compensated"
    payment = Payment.objects.get()
    assert (payment.captured_minor, payment.refunded_minor) == (2100, 0)
    order.refresh_from_db()
    return order, run


def _run(*arguments: str) -> Any:
    out = StringIO()
    call_command(*arguments, "--json", stdout=out, stderr=StringIO())
    return json.loads(out.getvalue())


def test_the_customer_is_told_the_truth(written_off: tuple[Order, SagaRun], client: Client) -> None:
    order, _ = written_off
    progress = read_progress(order)
    assert progress.money == (
        "Your payment was taken, and it is not paid back automatically: our customer service has decided so by hand."
    )
    assert ("Payment not refunded", "Our customer service has decided so by hand.") in [
        (entry.words, entry.note) for entry in progress.story
    ]
    (mail,) = EmailMessage.objects.all()
    kept = (
        "The 21.00 USD you paid are not paid back automatically: our customer service has decided so by hand."
    )
    for words in (mail.text, mail.html):
        assert kept in words
        assert "on their way back" not in words
    answer = client.get(f"/api/orders/{order.id}", headers={"Authorization": f"Bearer {TOKEN}"}).json()
    assert answer["saga"]["left_standing"] == [{"text": "Payment not refunded", "step": "payments.capture"}]


def test_people_see_it_on_the_saga_and_in_the_list(
    written_off: tuple[Order, SagaRun], client: Client
) -> None:
    order, run = written_off
    decision = {"step": "payments.capture", "stays": True, "by": "ana", "reason": "written off"}
    for facts in (_run("saga", "show", order.reference), _run("saga", "list")["sagas"][0]):
        (told,) = facts["left_standing"]
        assert {name: told[name] for name in decision} == decision
    printed = StringIO()
    call_command("saga", "list", stdout=printed)
    assert "payments.capture" in printed.getvalue()
    client.force_login(User.objects.create_superuser("root"))
    page = client.get(f"/admin/orchestration/saga/{run.id}/change/").content.decode()
    assert "stays, by ana: written off" in page
    assert "payments.capture stays by decision" in client.get("/admin/orchestration/saga/").content.decode()


def test_verify_lists_it_with_its_money_as_kept_by_decision(written_off: tuple[Order, SagaRun]) -> None:
    results = [each for each in run_invariants() if each.kept]
    assert sorted(sentence for each in results for sentence in each.kept) == [
        "order NW-1: cancelled, 21.00 USD kept",
        "orders.fulfil NW-1: payments.capture stays: ana has decided so (written off)",
    ]
    assert [each.violations for each in results] == [[], []]


def test_what_nobody_has_decided_to_keep_is_still_out_of_place(written_off: tuple[Order, SagaRun]) -> None:
    SagaStep.objects.filter(state="skipped").update(state="not_needed")  # now nobody has decided so
    found = [
        text
        for each in run_invariants()
        if each.name.startswith("across: a canc")
        for text in each.violations
    ]
    assert found == ["order NW-1: cancelled, 21.00 USD kept"]


def test_a_hold_that_is_left_out_is_told_as_one(catalog: None, settings: Any, tmp_path: Path) -> None:
    settings.EMAIL_BACKEND = "notifications.backends.EmlFileBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path / "mail")
    stock(NW_11=1)
    order, run = fulfil(("NW-11", 1), reject_at={"payments.capture": 1, "payments.void": 1})
    run.until_rest().decide(
        skip_step, step="payments.authorize", direction="undo", by="ana", reason="expires"
    )
    run.until(lambda each: each.state == "compensated")
    order.refresh_from_db()
    assert (
        read_progress(order).money
        == "No money was taken. The hold on your card stays until it runs out by itself."
    )
    assert "The hold on your card stays until it runs out by itself." in EmailMessage.objects.get().text


@pytest.mark.parametrize(
    ("step", "direction", "faults", "told"),
    [
        ("orders.mark_shipped", "forward", {}, "is confirmed, its saga completed"),
        ("orders.mark_cancelled", "after_undo", {"shipping.create_label": 1}, "is withdrawn, its saga compensated"),
    ],
)  # fmt: skip
def test_a_status_that_a_person_has_left_is_kept_by_decision(
    catalog: None, settings: Any, tmp_path: Path, step: str, direction: str, faults: dict[str, int], told: str
) -> None:
    settings.EMAIL_BACKEND = "notifications.backends.EmlFileBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path / "mail")
    stock(NW_11=1)
    _, run = fulfil(("NW-11", 1), reject_at={step: 1, **faults})
    if not faults:
        run.until_rest().send("shipping.dispatched", DISPATCHED)
    run.until(lambda each: bool(each.incidents))
    run.decide(skip_step, step=step, direction=direction, by="ana", reason="marked by hand")
    run.until(lambda each: each.state in ("completed", "compensated"))
    (found,) = [
        each
        for each in run_invariants()
        if each.name == "orders: a status agrees with the saga that has ended"
    ]
    assert found.violations == []
    (kept,) = found.kept
    assert told in kept
    assert f"{step} was left out: ana has decided so (marked by hand)" in kept
