"""The four things one can do with orders over HTTP. Each only reads the request, calls a service and words the answer."""

from __future__ import annotations

from typing import Annotated, Any, cast
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Body, Header, NinjaAPI, Query, Status

from orders.api.description import told_truly
from orders.api.documentation import DOCS, for_readers
from orders.api.idempotency_key import read_key
from orders.api.parser import StrictParser
from orders.api.principal import Caller, Principal, require_token
from orders.api.problems import ProblemOut, answer_with_problems
from orders.api.schemas import (
    CancelOut,
    CancelRequest,
    OrderOut,
    OrderPage,
    OrderPlaced,
    StatusName,
    href_of,
    order_out,
    summary_of,
)
from orders.services.cancelling import cancel_order
from orders.services.idempotency import Answer, answer_once, hash_request
from orders.services.placing import place_order
from orders.services.reading import list_orders, read_order_in_full
from orders.services.requests import PlaceOrder, Plain
from orders.strict_json import read_json


class _Api(NinjaAPI):
    """An API that describes itself as it is, and whose answers nobody keeps: they hold names and addresses."""

    def get_openapi_schema(self, *arguments: Any, **named: Any) -> Any:
        """Return the description of the API, as it is."""
        return told_truly(super().get_openapi_schema(*arguments, **named))

    def create_response(self, *arguments: Any, **named: Any) -> HttpResponse:
        """Return an answer."""
        response = super().create_response(*arguments, **named)
        response["Cache-Control"] = "no-store"
        return response


api = _Api(
    title="Orderly",
    version="1",
    description="Place orders and follow them. Errors are `application/problem+json`; money is in minor units.",
    urls_namespace="orders-api",
    parser=StrictParser(),
    auth=Caller(),
    docs=DOCS,
    docs_decorator=for_readers,
)
answer_with_problems(api)

Filter = Annotated[str, Plain]
"""PostgreSQL cannot compare text with a NUL in it, so such text is refused instead of failing there."""

BAD = {400: ProblemOut, 401: ProblemOut, 415: ProblemOut, 503: ProblemOut}


def _caller(request: HttpRequest) -> Principal:
    return cast(Principal, request.auth)  # type: ignore[attr-defined]


@api.post(
    "/orders",
    response={
        201: OrderPlaced,
        200: OrderPlaced,
        409: ProblemOut,
        413: ProblemOut,
        415: ProblemOut,
        422: ProblemOut,
        429: ProblemOut,
        **BAD,
    },
    summary="Place an order",
)
def post_order(
    request: HttpRequest,
    payload: Annotated[PlaceOrder, Body()],
    idempotency_key: Annotated[str | None, Header(alias="Idempotency-Key")] = None,
) -> HttpResponse:
    """Store an order and begin to fulfil it. Answers 201, or 200 when `reference` was placed before with this content.

    `Idempotency-Key` is required: 1 to 255 printable ASCII characters, quoted or bare, kept apart by caller and never
    expiring; without a token 32 or more, such as a UUID. The same key with the same content gives the stored answer again (`Idempotent-Replayed: true`), with
    other content 422, and 409 while the first request is being carried out. Refused requests are not stored, so a
    corrected one may use the same key. Prices sent along are ignored: the catalog decides.
    """
    principal = _caller(request)
    key = read_key(idempotency_key, is_anonymous=not principal.has_token)

    def act() -> Answer:
        placed = place_order(request=payload, principal=principal.name)
        order = placed.order
        out = OrderPlaced(
            id=order.id,
            reference=order.reference,
            total_minor=order.total_minor,
            currency=order.currency,
            href=href_of(order),
        )
        return Answer(
            status_code=200 if placed.existing else 201, body=out.model_dump_json(), location=href_of(order)
        )

    answer = answer_once(
        principal=principal.name,
        key=key,
        request_hash=hash_request(method="POST", path=request.path, content=read_json(request.body)),
        act=act,
    )
    response = HttpResponse(answer.body, status=answer.status_code, content_type="application/json")
    response["Location"] = answer.location
    response["Cache-Control"] = "no-store"
    if answer.is_replay:
        response["Idempotent-Replayed"] = "true"
    return response


@api.get("/orders", response={200: OrderPage, **BAD}, summary="List orders")
def get_orders(
    request: HttpRequest,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
    status: Annotated[StatusName | None, Query()] = None,
    email: Annotated[Filter | None, Query(max_length=254)] = None,
    reference: Annotated[Filter | None, Query(max_length=64)] = None,
) -> OrderPage:
    """Orders, newest first, a page at a time. Needs an API token."""
    require_token(_caller(request))
    page = list_orders(limit=limit, cursor=cursor, status=status, email=email, reference=reference)
    return OrderPage(orders=[summary_of(order) for order in page.orders], next_cursor=page.next_cursor)


@api.get("/orders/{order_id}", response={200: OrderOut, 404: ProblemOut, **BAD}, summary="Read an order")
def get_order(request: HttpRequest, order_id: UUID) -> OrderOut:
    """An order with its lines, its status, and every step taken for it in plain words."""
    return order_out(read_order_in_full(order_id=order_id))


@api.post(
    "/orders/{order_id}/cancel",
    response={200: CancelOut, 202: CancelOut, 404: ProblemOut, 409: ProblemOut, 429: ProblemOut, **BAD},
    summary="Cancel an order",
)
def post_cancel(
    request: HttpRequest, order_id: UUID, payload: Annotated[CancelRequest | None, Body()] = None
) -> Status[CancelOut]:
    """Cancel an order, until its shipping label is being made; afterwards 409 with the reason. May be repeated.

    Answers 200 when everything is undone, and 202 while it is being undone.
    """
    cancelled = cancel_order(
        order_id=order_id, by=_caller(request).name, reason=payload.reason if payload is not None else ""
    )
    order = cancelled.order
    detail = (
        order.cancel_reason if cancelled.is_settled else "The order is being cancelled; follow it by its id."
    )
    out = CancelOut(
        id=order.id, reference=order.reference, status=cast(StatusName, order.status), detail=detail
    )
    return Status(200 if cancelled.is_settled else 202, out)
