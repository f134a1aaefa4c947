"""The steps of payments: each acts at the gateway under its idempotency key, and writes its row when it is recorded.

No transaction is open while the gateway is called. `look_up` asks what became of a call without an answer;
`cancel_by_key` makes sure that nothing more comes of it.
"""

from __future__ import annotations

from orchestration import NOT_NEEDED, EffectDiffers, NotNeeded, StepContext, StepRejected
from orchestration.money import format_minor
from orchestration.participant import performs
from payments import contracts, rows
from payments.gateway import Effect, gateway

Amount = (
    contracts.AuthorizePayment
    | contracts.RenewAuthorization
    | contracts.CapturePayment
    | contracts.RefundPayment
)
"""Commands that ask for an amount."""

NOTHING_HELD = frozenset({"already_voided", "already_captured", "already_refunded", "authorization_expired"})
"""Refusals of a void that say: no amount is held any more. What was captured is for the refund to undo, not for the void."""


@performs(contracts.authorize)
def authorize(command: contracts.AuthorizePayment, context: StepContext) -> contracts.PaymentAuthorized:
    """Hold the order's amount on the card."""
    effect = _hold(command, context)
    return contracts.PaymentAuthorized(authorization_id=effect.id)


@authorize.look_up
def find_authorization(
    command: contracts.AuthorizePayment, context: StepContext
) -> contracts.PaymentAuthorized | None:
    """What the gateway knows under the key of an authorization."""
    effect = _expect("authorization", command, gateway().find(context.idempotency_key))
    return contracts.PaymentAuthorized(authorization_id=effect.id) if effect else None


@authorize.cancel_by_key
def refuse_authorization(
    command: contracts.AuthorizePayment, context: StepContext
) -> contracts.PaymentAuthorized | None:
    """Make sure that the key of an authorization holds nothing from now on."""
    effect = _expect("authorization", command, gateway().refuse(context.idempotency_key))
    return contracts.PaymentAuthorized(authorization_id=effect.id) if effect else None


@authorize.record
def save_authorization(
    command: contracts.AuthorizePayment, result: contracts.PaymentAuthorized, context: StepContext
) -> None:
    """Write the payment's row."""
    rows.write_authorized(
        order_id=command.order_id,
        authorization_id=result.authorization_id,
        amount_minor=command.amount_minor,
        currency=command.currency,
    )


@performs(contracts.void)
def void(
    command: contracts.VoidAuthorization, context: StepContext
) -> contracts.AuthorizationVoided | NotNeeded:
    """Let go of the amount; not needed when nothing is held any more."""
    return _void(command.authorization_id, context)


@void.record
def save_void(
    command: contracts.VoidAuthorization, result: contracts.AuthorizationVoided, context: StepContext
) -> None:
    """Write that nothing is held."""
    rows.write_voided(order_id=command.order_id, authorization_id=command.authorization_id)


@performs(contracts.renew_authorization)
def renew_authorization(
    command: contracts.RenewAuthorization, context: StepContext
) -> contracts.AuthorizationConfirmed:
    """Keep the authorization while it is good, and take a new one when it has expired.

    Raises:
        StepRejected: the card was declined this time, or the authorization was voided or captured meanwhile.
    """
    state = gateway().authorization_state(command.authorization_id)
    if state == "authorized":
        return contracts.AuthorizationConfirmed(authorization_id=command.authorization_id)
    if state != "expired":
        raise StepRejected(f"The authorization is {state}.", code=f"authorization_{state}")
    return _renewed(command, _hold(command, context))


@renew_authorization.look_up
def find_renewal(
    command: contracts.RenewAuthorization, context: StepContext
) -> contracts.AuthorizationConfirmed | None:
    """What the gateway knows under the key of a renewal; nothing when the original was kept."""
    effect = _expect("authorization", command, gateway().find(context.idempotency_key))
    return _renewed(command, effect) if effect else None


@renew_authorization.cancel_by_key
def refuse_renewal(
    command: contracts.RenewAuthorization, context: StepContext
) -> contracts.AuthorizationConfirmed | None:
    """Make sure that the key of a renewal holds nothing from now on."""
    effect = _expect("authorization", command, gateway().refuse(context.idempotency_key))
    return _renewed(command, effect) if effect else None


@renew_authorization.record
def save_renewal(
    command: contracts.RenewAuthorization, result: contracts.AuthorizationConfirmed, context: StepContext
) -> None:
    """Write which authorization is in use from now on."""
    if result.replaces is not None:
        rows.write_renewed(order_id=command.order_id, authorization_id=result.authorization_id)


@performs(contracts.void_renewed)
def void_renewed(
    command: contracts.VoidRenewedAuthorization, context: StepContext
) -> contracts.AuthorizationVoided | NotNeeded:
    """Let go of what a renewal has taken; the original, when it was kept, has its own undo."""
    return NOT_NEEDED if command.replaces is None else _void(command.authorization_id, context)


@void_renewed.record
def save_renewal_void(
    command: contracts.VoidRenewedAuthorization, result: contracts.AuthorizationVoided, context: StepContext
) -> None:
    """Write that nothing is held by the renewal."""
    rows.write_voided(order_id=command.order_id, authorization_id=command.authorization_id)


@performs(contracts.capture)
def capture(command: contracts.CapturePayment, context: StepContext) -> contracts.PaymentCaptured:
    """Take the money that is held."""
    effect = gateway().capture(
        key=context.idempotency_key,
        authorization_id=command.authorization_id,
        amount_minor=command.amount_minor,
        currency=command.currency,
    )
    _check_amount(command, effect)
    return contracts.PaymentCaptured(capture_id=effect.id)


@capture.look_up
def find_capture(command: contracts.CapturePayment, context: StepContext) -> contracts.PaymentCaptured | None:
    """What the gateway knows under the key of a capture."""
    effect = _expect("capture", command, gateway().find(context.idempotency_key))
    return contracts.PaymentCaptured(capture_id=effect.id) if effect else None


@capture.cancel_by_key
def refuse_capture(
    command: contracts.CapturePayment, context: StepContext
) -> contracts.PaymentCaptured | None:
    """Make sure that the key of a capture takes nothing from now on."""
    effect = _expect("capture", command, gateway().refuse(context.idempotency_key))
    return contracts.PaymentCaptured(capture_id=effect.id) if effect else None


@capture.record
def save_capture(
    command: contracts.CapturePayment, result: contracts.PaymentCaptured, context: StepContext
) -> None:
    """Write that the money is ours."""
    rows.write_captured(
        order_id=command.order_id, capture_id=result.capture_id, captured_minor=command.amount_minor
    )


@performs(contracts.refund)
def refund(command: contracts.RefundPayment, context: StepContext) -> contracts.PaymentRefunded | NotNeeded:
    """Give back everything; not needed when it was given back already.

    Raises:
        StepRejected: the gateway refuses for good; a person has to decide.
    """
    try:
        effect = gateway().refund(
            key=context.idempotency_key,
            capture_id=command.capture_id,
            amount_minor=command.amount_minor,
            currency=command.currency,
        )
    except StepRejected as error:
        if error.code == "already_refunded":
            return NOT_NEEDED
        raise
    _check_amount(command, effect)
    return contracts.PaymentRefunded(refund_id=effect.id)


@refund.look_up
def find_refund(command: contracts.RefundPayment, context: StepContext) -> contracts.PaymentRefunded | None:
    """What the gateway knows under the key of a refund."""
    effect = _expect("refund", command, gateway().find(context.idempotency_key))
    return contracts.PaymentRefunded(refund_id=effect.id) if effect else None


@refund.record
def save_refund(
    command: contracts.RefundPayment, result: contracts.PaymentRefunded, context: StepContext
) -> None:
    """Write that the money was given back."""
    rows.write_refunded(order_id=command.order_id, refund_id=result.refund_id)


def _hold(command: contracts.AuthorizePayment | contracts.RenewAuthorization, context: StepContext) -> Effect:
    effect = gateway().authorize(
        key=context.idempotency_key,
        order_id=str(command.order_id),
        amount_minor=command.amount_minor,
        currency=command.currency,
        card=command.card,
    )
    _check_amount(command, effect)
    return effect


def _void(authorization_id: str, context: StepContext) -> contracts.AuthorizationVoided | NotNeeded:
    try:
        effect = gateway().void(key=context.idempotency_key, authorization_id=authorization_id)
    except StepRejected as error:
        if error.code in NOTHING_HELD:
            return NOT_NEEDED
        raise
    return contracts.AuthorizationVoided(void_id=effect.id)


def _renewed(command: contracts.RenewAuthorization, effect: Effect) -> contracts.AuthorizationConfirmed:
    return contracts.AuthorizationConfirmed(authorization_id=effect.id, replaces=command.authorization_id)


def _expect(kind: str, command: Amount, effect: Effect | None) -> Effect | None:
    """The effect, if it is what this step does; another step's key must never be taken for ours.

    Raises:
        EffectDiffers: it is of another kind, or of another amount.
    """
    if effect is None:
        return None
    if effect.kind != kind:
        raise EffectDiffers(
            f"Under this key the gateway has a {effect.kind}, not a {kind}.", code="other_effect"
        )
    _check_amount(command, effect)
    return effect


def _check_amount(command: Amount, effect: Effect) -> None:
    """Refuse an effect of another amount than was asked for: the money would be right in our rows and wrong at the bank.

    Raises:
        EffectDiffers: naming both amounts.
    """
    if (effect.amount_minor, effect.currency) != (command.amount_minor, command.currency):
        asked = format_minor(command.amount_minor, command.currency)
        there = format_minor(effect.amount_minor, effect.currency)
        raise EffectDiffers(
            f"The gateway was asked for {asked}, and its {effect.kind} {effect.id} is of {there}.",
            code="other_amount",
            data={"asked_minor": command.amount_minor, "there_minor": effect.amount_minor},
        )
