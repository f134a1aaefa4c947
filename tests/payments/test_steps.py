"""The steps of payments against a real gateway process, and the row that follows each of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from orchestration import NOT_NEEDED, EffectDiffers, OutcomeUnknown, StepContext, StepRejected
from payments import contracts, tasks
from payments.models import Payment

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("real_gateway")]

Context = Callable[..., StepContext]


def authorize_command(order_id: UUID, card: str = "card_ok") -> contracts.AuthorizePayment:
    return contracts.AuthorizePayment(order_id=order_id, amount_minor=500, currency="USD", card=card)


def authorized(context: Context, order_id: UUID, card: str = "card_ok") -> str:
    command = authorize_command(order_id, card)
    result = tasks.authorize(command, context())
    tasks.save_authorization(command, result, context())
    return str(result.authorization_id)


def captured(context: Context, order_id: UUID, authorization_id: str) -> str:
    command = contracts.CapturePayment(
        order_id=order_id, authorization_id=authorization_id, amount_minor=500, currency="USD"
    )
    result = tasks.capture(command, context())
    tasks.save_capture(command, result, context())
    return str(result.capture_id)


def refund_command(order_id: UUID, capture_id: str) -> contracts.RefundPayment:
    return contracts.RefundPayment(order_id=order_id, capture_id=capture_id, amount_minor=500, currency="USD")


def row(order_id: UUID) -> dict[str, Any]:
    fields = ("state", "amount_minor", "captured_minor", "refunded_minor", "currency", "authorization_id")
    return dict(Payment.objects.values(*fields).get(order_id=order_id))


def renew_command(
    order_id: UUID, authorization_id: str, card: str = "card_ok"
) -> contracts.RenewAuthorization:
    return contracts.RenewAuthorization(
        order_id=order_id, authorization_id=authorization_id, amount_minor=500, currency="USD", card=card
    )


def test_the_row_follows_the_money_from_held_to_given_back(context: Context) -> None:
    order_id = uuid4()
    authorization_id = authorized(context, order_id)
    expected = {
        "state": "authorized",
        "amount_minor": 500,
        "captured_minor": 0,
        "refunded_minor": 0,
        "currency": "USD",
        "authorization_id": authorization_id,
    }
    assert row(order_id) == expected
    capture_id = captured(context, order_id, authorization_id)
    assert row(order_id) == {**expected, "state": "captured", "captured_minor": 500}
    command = refund_command(order_id, capture_id)
    result = tasks.refund(command, context())
    tasks.save_refund(command, result, context())
    assert row(order_id) == {**expected, "state": "refunded", "captured_minor": 500, "refunded_minor": 500}


def test_acting_alone_writes_no_row(context: Context) -> None:
    order_id = uuid4()
    tasks.authorize(authorize_command(order_id), context())
    assert not Payment.objects.filter(order_id=order_id).exists()


def test_a_record_may_be_written_again(context: Context) -> None:
    order_id = uuid4()
    command, again = authorize_command(order_id), context()
    result = tasks.authorize(command, again)
    tasks.save_authorization(command, result, again)
    captured(context, order_id, result.authorization_id)
    before = row(order_id)
    tasks.save_authorization(command, result, again)
    assert row(order_id) == before


def test_a_declined_card_is_a_rejection_and_leaves_no_row(context: Context) -> None:
    order_id = uuid4()
    with pytest.raises(StepRejected) as error:
        tasks.authorize(authorize_command(order_id, "card_declined"), context())
    assert error.value.code == "card_declined"
    assert not Payment.objects.filter(order_id=order_id).exists()


def test_an_unknown_outcome_is_found_by_the_steps_key(context: Context) -> None:
    command, same = authorize_command(uuid4(), "card_error_after_charge"), context()
    with pytest.raises(OutcomeUnknown):
        tasks.authorize(command, same)
    found = tasks.find_authorization(command, same)
    assert found is not None
    assert tasks.authorize(command, same) == found
    assert tasks.refuse_authorization(command, same) == found


def test_nothing_is_found_under_a_key_that_did_nothing(context: Context) -> None:
    command = authorize_command(uuid4())
    assert tasks.find_authorization(command, context()) is None
    assert tasks.refuse_authorization(command, context()) is None


def test_another_steps_effect_is_never_taken_for_ours(context: Context) -> None:
    command, same = authorize_command(uuid4()), context()
    authorization_id = tasks.authorize(command, same).authorization_id
    capture = contracts.CapturePayment(
        order_id=uuid4(), authorization_id=authorization_id, amount_minor=500, currency="USD"
    )
    with pytest.raises(EffectDiffers):
        tasks.find_capture(capture, same)


def test_a_void_lets_go_of_the_money_once(context: Context) -> None:
    order_id = uuid4()
    authorization_id = authorized(context, order_id)
    command, same = (
        contracts.VoidAuthorization(order_id=order_id, authorization_id=authorization_id),
        context(),
    )
    result = tasks.void(command, same)
    assert tasks.void(command, same) == result
    tasks.save_void(command, result, same)
    assert row(order_id)["state"] == "voided"
    assert tasks.void(command, context()) is NOT_NEEDED


def test_a_void_is_not_needed_after_capture_and_refund(context: Context) -> None:
    order_id = uuid4()
    authorization_id = authorized(context, order_id)
    command = contracts.VoidAuthorization(order_id=order_id, authorization_id=authorization_id)
    capture_id = captured(context, order_id, authorization_id)
    assert tasks.void(command, context()) is NOT_NEEDED
    tasks.refund(refund_command(order_id, capture_id), context())
    assert tasks.void(command, context()) is NOT_NEEDED


def test_a_refund_is_given_once_and_not_needed_afterwards(context: Context) -> None:
    order_id = uuid4()
    capture_id = captured(context, order_id, authorized(context, order_id))
    command, same = refund_command(order_id, capture_id), context()
    result = tasks.refund(command, same)
    assert tasks.refund(command, same) == result
    assert tasks.find_refund(command, same) == result
    assert tasks.refund(command, context()) is NOT_NEEDED


def test_a_refused_refund_is_for_a_person(context: Context) -> None:
    order_id = uuid4()
    capture_id = captured(context, order_id, authorized(context, order_id, "card_refund_refused"))
    with pytest.raises(StepRejected) as error:
        tasks.refund(refund_command(order_id, capture_id), context())
    assert error.value.code == "refund_refused"


def test_a_renewal_keeps_an_authorization_that_is_still_good(context: Context) -> None:
    order_id = uuid4()
    authorization_id = authorized(context, order_id)
    same = context()
    result = tasks.renew_authorization(renew_command(order_id, authorization_id), same)
    assert (result.authorization_id, result.replaces) == (authorization_id, None)
    assert tasks.find_renewal(renew_command(order_id, authorization_id), same) is None
    undo = contracts.VoidRenewedAuthorization(order_id=order_id, **result.model_dump())
    assert tasks.void_renewed(undo, context()) is NOT_NEEDED
    capture_id = captured(context, order_id, authorization_id)
    assert capture_id


def test_a_renewal_of_a_voided_authorization_is_refused(context: Context) -> None:
    order_id = uuid4()
    authorization_id = authorized(context, order_id)
    tasks.void(contracts.VoidAuthorization(order_id=order_id, authorization_id=authorization_id), context())
    with pytest.raises(StepRejected) as error:
        tasks.renew_authorization(renew_command(order_id, authorization_id), context())
    assert error.value.code == "authorization_voided"


def test_an_order_paid_for_again_after_undo_starts_anew_in_its_row(context: Context) -> None:
    order_id = uuid4()
    first = authorized(context, order_id)
    command = contracts.VoidAuthorization(order_id=order_id, authorization_id=first)
    tasks.save_void(command, tasks.void(command, context()), context())
    second = authorized(context, order_id)
    assert second != first
    assert row(order_id)["authorization_id"] == second
    tasks.save_void(command, contracts.AuthorizationVoided(void_id="void_again"), context())
    assert row(order_id)["state"] == "authorized"
