"""A step past the pivot that a person leaves out, and orders that no mail holds up or undoes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.mail import EmailMultiAlternatives
from django.test import Client

from orchestration.errors import InvalidDecision, TransitionRefused
from orchestration.models import SagaEvent, SagaStep
from orchestration.services import skip_step
from orchestration.testing import SagaRun
from orchestration.verification import run_invariants
from tests.orders.conftest import ORDER
from tests.orders.fulfilment import DISPATCHED, fulfil, status_of, stock

pytestmark = pytest.mark.django_db(transaction=True)
MAIL = "notifications.order_shipped"


@pytest.fixture(autouse=True)
def mail_folder(settings: Any, tmp_path: Any) -> None:
    settings.EMAIL_BACKEND = "notifications.backends.EmlFileBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path / "mail")


@pytest.fixture
def unmailed(catalog: None) -> SagaRun:
    """Shipped, and its last mail given up."""
    stock(NW_11=1)
    order, run = fulfil(("NW-11", 1), reject_at={MAIL: 1})
    run.until_rest().send("shipping.dispatched", DISPATCHED).until(lambda each: bool(each.incidents))
    assert status_of(order) == "shipped"
    return run


def test_a_step_past_the_pivot_is_left_out_and_the_saga_completes(unmailed: SagaRun) -> None:
    unmailed.decide(skip_step, step=MAIL, direction="forward", by="ana", reason="no such address")
    assert unmailed.until_rest().state == "completed"
    assert (unmailed.step(MAIL).state, unmailed.incidents) == ("skipped", [])
    wrong = [text for each in run_invariants() if each.name.startswith("orch") for text in each.violations]
    assert wrong == []


def test_if_it_may_have_acted_the_history_says_so_and_its_worker_is_fenced_off(unmailed: SagaRun) -> None:
    SagaStep.objects.filter(saga_id=unmailed.id, name=MAIL).update(state="waiting", unsure=True)
    token = unmailed.step(MAIL).token
    unmailed.decide(skip_step, step=MAIL, direction="forward")
    entry = SagaEvent.objects.get(saga_id=unmailed.id, kind="step_skipped")
    assert (entry.data["effect"], unmailed.step(MAIL).token) == ("perhaps done", token + 1)


def test_what_is_needed_or_being_worked_at_is_not_left_out(unmailed: SagaRun) -> None:
    for step, told in {
        "shipping.create_label": "only a step past the pivot",
        "payments.capture": "only a step past the pivot",
        "shipping.dispatched": "only a step past the pivot",
    }.items():
        with pytest.raises(InvalidDecision, match=told):
            unmailed.decide(skip_step, step=step, direction="forward")
    with pytest.raises(TransitionRefused, match=r"orders.mark_shipped is done"):
        unmailed.decide(skip_step, step="orders.mark_shipped", direction="forward")
    unmailed.retry(MAIL)
    SagaStep.objects.filter(saga_id=unmailed.id, name=MAIL).update(
        state="running", lease_until="2999-01-01T00:00:00Z"
    )
    with pytest.raises(TransitionRefused, match="is being worked at"):
        unmailed.decide(skip_step, step=MAIL, direction="forward")


def test_a_waiting_order_is_not_undone_because_of_a_mail(catalog: None) -> None:
    stock(NW_11=0)
    order, run = fulfil(("NW-11", 1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(EmailMultiAlternatives, "send", _broken)
        assert run.until_rest().state == "waiting"
    assert (status_of(order), run.step("notifications.order_backordered").attempts) == ("backordered", 5)
    result: Any = run.step("notifications.order_backordered").result
    assert result["mailed"] is False


def _broken(*_: Any, **__: Any) -> None:
    raise ConnectionRefusedError("no mail server")


@pytest.mark.parametrize(
    "address", ["ana@example.com\u200f", "ana@" + "ü" * 60 + ".com", '"a\x7fb"@example.com']
)
def test_an_order_with_an_address_that_cannot_be_mailed_is_refused(
    catalog: None, client: Client, address: str
) -> None:
    content = {**ORDER, "customer": {**ORDER["customer"], "email": address}}
    answer = client.post(
        "/api/orders",
        json.dumps(content),
        content_type="application/json",
        headers={"Idempotency-Key": "3b241101-e2bb-4255-8caf-4136c566a962"},
    )
    assert answer.status_code in (400, 422)
    assert "customer.email" in answer.content.decode()
