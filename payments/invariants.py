"""What must be true of money, checked by `manage.py verify` against what the gateway lists (`list_effects`).

The list is the second witness: it was written by somebody else, who knows nothing of our rows. A gateway that cannot list its effects
leaves those checks undone, and they say so. Orders whose saga is still under way are left out where row and list are compared: between
an effect and its record they may differ.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import wraps

from orchestration.providers import CannotList, NoLedger
from orchestration.verification import Finding, invariant, open_business_keys
from payments.gateway import ListedEffect
from payments.listing import effects
from payments.models import Payment, PaymentState

Comparison = Callable[[list[ListedEffect]], Finding]


def _compared(compare: Comparison) -> Callable[[], Finding]:
    """A check that needs the gateway's list; without one `verify` says that nothing was compared."""

    @wraps(compare)
    def check() -> Finding:
        try:
            return compare(effects())
        except NoLedger:
            return Finding(checked=0)  # the first check says so

    return check


@invariant("payments: the gateway's ledger is there and can be read")
def ledger_is_there() -> Finding:
    """Money moved by us without a list of the gateway's to compare it with cannot be verified."""
    rows = Payment.objects.count()
    try:
        effects()
    except NoLedger as error:
        return Finding(checked=rows, violations=[f"{rows} payments, but {error}"] if rows else [])
    except CannotList as error:
        return Finding(checked=rows, not_compared=f"not compared: {error}")
    return Finding(checked=rows)


@invariant("payments: at most one effect per key at the gateway")
@_compared
def one_effect_per_key(made_there: list[ListedEffect]) -> Finding:
    """An idempotency key that was repeated must not have moved money twice."""
    keys = _grouped(made_there, "key")
    return Finding(
        checked=len(made_there),
        violations=[f"key {key}: {len(made)} effects" for key, made in keys.items() if len(made) > 1],
    )


@invariant(
    "payments: 0 <= refunded <= captured <= authorized, one currency and at most one capture for each order"
)
@_compared
def sums_in_order(made_there: list[ListedEffect]) -> Finding:
    """Per order at the gateway, at every moment."""
    orders = _grouped(made_there, "order_id")
    return Finding(
        checked=len(orders),
        violations=[
            f"order {order}: {wrong}" for order, made in orders.items() for wrong in _wrong_sums(made)
        ],
    )


@invariant(
    "payments: every effect at the gateway has its row, in agreement, and every row its effect",
    snapshot=False,
)
def rows_agree_with_ledger() -> Finding:
    """Only orders at rest, whose saga has ended."""
    # Before and after: an order that started or ended while we were reading may differ for good reasons.
    busy = set(open_business_keys())
    return _compared(lambda made_there: _compare_rows(made_there, busy))()


def _compare_rows(made_there: list[ListedEffect], busy: set[str]) -> Finding:
    ledger = _grouped(made_there, "order_id")
    rows = {str(payment.order_id): payment for payment in Payment.objects.iterator()}
    busy |= set(open_business_keys())
    at_rest = sorted((ledger.keys() | rows.keys()) - busy)
    return Finding(
        checked=len(at_rest),
        violations=[
            f"order {order}: {wrong}"
            for order in at_rest
            for wrong in _disagreements(rows.get(order), ledger.get(order, []))
        ],
    )


def _grouped(made: Iterable[ListedEffect], column: str) -> dict[str, list[ListedEffect]]:
    groups: defaultdict[str, list[ListedEffect]] = defaultdict(list)
    for effect in made:
        groups[getattr(effect, column)].append(effect)
    return groups


def _sum(made: Iterable[ListedEffect], kind: str) -> int:
    return sum(effect.amount_minor for effect in made if effect.kind == kind)


def _wrong_sums(made: list[ListedEffect]) -> Iterable[str]:
    captures = sum(effect.kind == "capture" for effect in made)
    if captures > 1:
        yield f"{captures} captures"
    # Each authorization by itself: an expired one and its renewal together would allow twice the amount.
    for authorization_id, its in _grouped(made, "authorization_id").items():
        held, captured, refunded = (_sum(its, kind) for kind in ("authorization", "capture", "refund"))
        if not 0 <= refunded <= captured <= held:
            yield f"{authorization_id}: held {held}, captured {captured}, refunded {refunded}"
    currencies = sorted({effect.currency for effect in made})
    if len(currencies) > 1:
        yield f"several currencies: {', '.join(currencies)}"


def _disagreements(row: Payment | None, made: list[ListedEffect]) -> Iterable[str]:
    """What a row and the ledger say differently about an order at rest."""
    if row is None:
        yield f"{len(made)} effects at the gateway, no row"
        return
    ids = {effect.id: effect.kind for effect in made}
    if ids.get(row.authorization_id) != "authorization":
        yield f"authorization {row.authorization_id} of the row is not in the ledger"
    captured, refunded = _sum(made, "capture"), _sum(made, "refund")
    if (row.captured_minor, row.refunded_minor) != (captured, refunded):
        yield (
            f"row says captured {row.captured_minor}, refunded {row.refunded_minor};"
            f" ledger says {captured}, {refunded}"
        )
    for ours, kind in ((row.capture_id, "capture"), (row.refund_id, "refund")):
        if ours and ids.get(ours) != kind:
            yield f"{kind} {ours} of the row is not in the ledger"
    if made and {effect.currency for effect in made} != {row.currency}:
        yield f"row is in {row.currency}"
    voided = {effect.authorization_id for effect in made if effect.kind == "void"}
    if row.state == PaymentState.VOIDED and row.authorization_id not in voided:
        yield "row says voided, the gateway has not voided the authorization"
    if row.state != PaymentState.VOIDED and row.authorization_id in voided:
        yield f"row says {row.state}, the gateway has voided the authorization"
