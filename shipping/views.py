"""The carrier's webhook. Nothing is believed before its signature is verified on the raw bytes.

| answer | when                                                        | the carrier then |
|--------|-------------------------------------------------------------|------------------|
| 200    | recorded, or known already, or of a type we do not need     | is done          |
| 400    | signed, but not what a dispatch looks like; an incident     | tries again      |
| 401    | not verified; always the same words                         | tries again      |
| 404    | no such label (yet)                                         | tries again      |
| 409    | the order holds no stock that could have left, or the id has| tries again      |
|        | told of another parcel; an incident                         |                  |
| 413    | more than 64 KiB                                            | tries again      |
| 503    | the database is away; nothing was recorded that we know of  | tries again      |
"""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.request import RawPostDataException, UnreadablePostError
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from orchestration.crash.points import CrashPoint, reach
from orchestration.sentences import explained, sentence
from orchestration.services import is_unavailable
from shipping import conf
from shipping.dispatching import Outcome, record_dispatch, report_odd_news
from shipping.models import Reservation
from shipping.standard_webhooks import NotVerified, verify
from shipping.strict_json import read_object

logger = logging.getLogger(__name__)

MAX_BODY_BYTES = 64 * 1024
"""The carrier's own messages have some 200 bytes."""


EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""Before it nothing of ours can have left."""


def _plausible(at: datetime) -> datetime:
    # The year 9999 west of Greenwich is the year 10000 here: PostgreSQL stores that, and its driver cannot read it back.
    if not EARLIEST <= at <= timezone.now() + timedelta(days=1):
        raise ValueError("not a time at which a parcel of ours can have left")
    return at


class DispatchNews(BaseModel):
    """The body of the webhook."""

    model_config = ConfigDict(extra="ignore")

    id: str
    type: Literal["dispatched"]
    label_id: Annotated[str, Field(max_length=64, pattern=r"^[!-~]+$")]
    order_id: UUID
    at: Annotated[AwareDatetime, AfterValidator(_plausible)]


@csrf_exempt  # no browser and no cookie: the signature says who calls
@require_POST
def carrier_webhook(request: HttpRequest) -> HttpResponse:
    """Take news of a parcel from the carrier."""
    if not request.headers.get("webhook-signature"):
        return _problem(401, "Not verified.")  # whatever else it brings: it is not read
    body = _body(request)
    if body is None:
        return _problem(413, "At most 64 KiB.")
    event_id = request.headers.get("webhook-id", "")
    try:
        verify(
            secrets=conf.carrier_secrets(),
            event_id=event_id,
            timestamp=request.headers.get("webhook-timestamp", ""),
            signatures=request.headers.get("webhook-signature", ""),
            body=body,
            now=time.time(),
        )
    except NotVerified:
        return _problem(401, "Not verified.")
    try:
        values = read_object(body)
    except ValueError:
        return _problem(400, "This is not the news of a dispatch.")
    if values.get("type") != "dispatched":
        return JsonResponse({"status": "ignored"})
    try:
        try:
            news = DispatchNews.model_validate(values)
        except ValidationError as error:
            return _refused(values, f"{_fields(error)} cannot be what it says")
        if news.id != event_id:
            return _refused(values, "The id in the body is not the id in the header")
        return _recorded(news)
    except DatabaseError as error:
        if not is_unavailable(error):
            raise
        logger.error("database unavailable for the carrier's news: %s", error)
        answer = _problem(503, "The store cannot be reached at the moment. Send it again.")
        answer["Retry-After"] = "5"
        return answer


def _recorded(news: DispatchNews) -> HttpResponse:
    try:
        outcome = record_dispatch(
            event_id=news.id, label_id=news.label_id, order_id=news.order_id, at=news.at
        )
    except Reservation.DoesNotExist:
        report_odd_news(news.order_id, "the order holds no stock that could have left")
        return _problem(409, "The order holds no stock.")
    if outcome is Outcome.NO_SUCH_LABEL:
        return _problem(404, "No such label.")
    if outcome is Outcome.ID_OF_ANOTHER:
        return _problem(409, "This id has told of another parcel; send the news under an id of its own.")
    reach(CrashPoint.WEBHOOK_STORED, about=[news.order_id])
    return JsonResponse({"status": outcome.value})


def _refused(values: dict[str, Any], why: str) -> HttpResponse:
    """Answer 400 with the reason, and tell people where the news names an order of ours."""
    with suppress(ValueError):
        report_odd_news(UUID(str(values.get("order_id"))), f"{why[0].lower()}{why[1:]}")
    return _problem(400, sentence(explained("This is not the news of a dispatch", why)))


def _fields(error: ValidationError) -> str:
    # Its names only, which are ours; what stood in them may be anything.
    return "The field " + " and the field ".join(
        sorted({str(finding["loc"][0]) for finding in error.errors()})
    )


def _body(request: HttpRequest) -> bytes | None:
    """The raw body; None when it is too large. What is announced as too large is not read at all."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal() or int(length) > MAX_BODY_BYTES:
        return None
    try:
        body = request.read(MAX_BODY_BYTES + 1)
    except (UnreadablePostError, RawPostDataException):
        return b""
    return body if len(body) <= MAX_BODY_BYTES else None


def _problem(status: int, detail: str) -> HttpResponse:
    return JsonResponse(
        {"status": status, "detail": detail}, status=status, content_type="application/problem+json"
    )
