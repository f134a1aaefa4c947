"""A back-order that waited too long: its authorization has expired at the gateway, a real process."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID, uuid4

import pytest

from orchestration import NOT_NEEDED, StepContext, StepRejected
from payments import contracts, tasks
from payments.models import Payment

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("forgetful_gateway")]

Context = Callable[..., StepContext]


def expired(context: Context, order_id: UUID) -> str:
    command = contracts.AuthorizePayment(order_id=order_id, amount_minor=500, currency="USD", card="card_ok")
    result = tasks.authorize(command, context())
    tasks.save_authorization(command, result, context())
    return str(result.authorization_id)


def renew_command(order_id: UUID, old: str, card: str = "card_ok") -> contracts.RenewAuthorization:
    return contracts.RenewAuthorization(
        order_id=order_id, authorization_id=old, amount_minor=500, currency="USD", card=card
    )


def test_a_renewal_takes_a_new_authorization_once(context: Context) -> None:
    order_id = uuid4()
    old = expired(context, order_id)
    command, same = renew_command(order_id, old), context()
    result = tasks.renew_authorization(command, same)
    assert result.replaces == old
    assert result.authorization_id != old
    assert tasks.renew_authorization(command, same) == result
    assert tasks.find_renewal(command, same) == result
    assert tasks.refuse_renewal(command, same) == result
    tasks.save_renewal(command, result, same)
    assert Payment.objects.get(order_id=order_id).authorization_id == result.authorization_id


def test_a_renewal_may_be_declined_and_changes_nothing(context: Context) -> None:
    order_id = uuid4()
    old = expired(context, order_id)
    with pytest.raises(StepRejected) as error:
        tasks.renew_authorization(renew_command(order_id, old, "card_declined"), context())
    assert error.value.code == "card_declined"
    assert Payment.objects.get(order_id=order_id).authorization_id == old


def test_a_void_is_not_needed(context: Context) -> None:
    order_id = uuid4()
    command = contracts.VoidAuthorization(order_id=order_id, authorization_id=expired(context, order_id))
    assert tasks.void(command, context()) is NOT_NEEDED


def test_a_capture_is_refused(context: Context) -> None:
    order_id = uuid4()
    command = contracts.CapturePayment(
        order_id=order_id, authorization_id=expired(context, order_id), amount_minor=500, currency="USD"
    )
    with pytest.raises(StepRejected) as error:
        tasks.capture(command, context())
    assert error.value.code == "authorization_expired"
    assert Payment.objects.get(order_id=order_id).captured_minor == 0
