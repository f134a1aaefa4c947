"""Starting sagas, and publishing the events they wait for: in the caller's transaction, so both or neither."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from pydantic import ValidationError

from orchestration.clock import with_zone
from orchestration.conf import engine_settings
from orchestration.core.carrying import NotCarried, carried
from orchestration.core.definition import registry
from orchestration.core.definition.arguments import shown
from orchestration.core.definition.references import Message
from orchestration.core.definition.saga_definition import SagaDefinition
from orchestration.core.storable import MOST_BYTES, is_storable_text, size_of
from orchestration.crash.points import CrashPoint, reach
from orchestration.engine.database.connection import connection, how_to_open, transaction
from orchestration.engine.flow.misfits import fitted, of_another
from orchestration.engine.flow.starting import begin
from orchestration.engine.messages.envelope import SPECVERSION, check_envelope, dataschema_of
from orchestration.engine.outbox import writing
from orchestration.engine.rows.reading import database_now
from orchestration.errors import BusinessKeyTaken, InputRefused, InvalidEnvelope, OutboxOutsideTransaction
from orchestration.models import Saga
from orchestration.sentences import findings

logger = logging.getLogger(__name__)


def start_saga(
    definition: SagaDefinition,
    *,
    input: Message,
    business_key: str,
    reference: str = "",
    product_line: str = "",
    partition_key: str = "",
) -> Saga:
    """Start a saga in the caller's transaction: it begins if and only if that transaction commits.

    Idempotent by (definition name, business key).

    Args:
        definition: what to run; its version stays with the saga.
        input: what it is started with; stored as JSON.
        business_key: what it is about; events find the saga by it. 1 to 200 characters; a UUID or a number stands for its text.
        reference: how people call it, shown in the broker's task arguments and the admin.
        product_line: which variant of the business it belongs to.
        partition_key: groups sagas that live together.

    Raises:
        OutboxOutsideTransaction: no transaction is open.
        BusinessKeyTaken: a saga of that key exists with another input.
        TypeError: the definition is none, or the input is not of its type.
        InputRefused: it is too large, or it or a text beside it is what the database cannot keep. Nothing was written.
    """
    if not connection.in_atomic_block:
        raise OutboxOutsideTransaction(
            f"start_saga must be inside the transaction that saves what the saga is about: write `{how_to_open()}` around both"
        )
    if not isinstance(definition, SagaDefinition):
        raise TypeError(
            f"start_saga is given {shown(definition)}; write the saga itself, as saga(...) returns it"
        )
    if not isinstance(input, definition.input):
        raise TypeError(
            f"{definition} is started with {definition.input.__name__}(...), and is given {shown(input)}"
        )
    business_key = _text("business_key", business_key, least=1, most=200)
    reference = _text("reference", reference, most=100)
    product_line, partition_key = (
        _text("product_line", product_line, most=40),
        _text("partition_key", partition_key, most=40),
    )
    data = _stored(input)
    saga = begin(
        Saga(
            definition=definition.name,
            version=definition.version,
            fingerprint=definition.fingerprint,
            business_key=business_key,
            reference=reference,
            input=data,
            product_line=product_line,
            partition_key=partition_key,
            trace_id=uuid4().hex,
            last_seq=1,
        ),
        deadline=definition.deadline,
    )
    if saga is None:
        return _already_started(definition, business_key, data)
    names = (saga.reference, saga.id, saga.business_key)
    transaction.on_commit(partial(reach, CrashPoint.START_COMMITTED, about=names))
    writing.wake_after_commit()
    reach(CrashPoint.START_COMMITTING, about=names)
    return saga


def find_saga(definition: str | SagaDefinition, business_key: object) -> Saga | None:
    """The saga of a definition, or of one's name, for a business key; or None. A UUID or a number stands for its text."""
    name = definition.name if isinstance(definition, SagaDefinition) else definition
    key = str(business_key)
    if not is_storable_text(key):
        return None
    return Saga.objects.filter(definition=name, business_key=key).first()


def publish_event(
    *,
    type: str,
    source: str,
    key: str,
    data: dict[str, Any] | None = None,
    event_id: str | None = None,
) -> str:
    """Publish an event in the caller's transaction.

    Args:
        type: past tense, e.g. `shipping.dispatched`.
        source: who says so.
        key: business key of the sagas it is for.
        data: small, JSON.
        event_id: stable id for deduplication; a new one by default.

    Returns:
        The event's id.

    Raises:
        OutboxOutsideTransaction: no transaction is open.
        InvalidEnvelope: a text is empty or too long, the data is no JSON object of that size, or it (or its source) fits none of
            the waits for this type that this process knows.
    """
    identity = event_id or str(uuid4())
    envelope = {
        "specversion": SPECVERSION,
        "id": identity,
        "type": type,
        "source": source,
        "key": key,
        "time": with_zone(database_now()).isoformat(),
        "dataschema": dataschema_of(type),
        "data": data or {},
    }
    # With room for what the broker's message has around it: what we publish must never be set aside as too large.
    check_envelope(envelope, most_bytes=engine_settings().MAX_MESSAGE_BYTES - 4096)
    _check_awaited(type, envelope)
    for queue in ("", *engine_settings().SUBSCRIBERS):
        writing.put("event", payload=envelope, queue=queue)
    return identity


def _check_awaited(event: str, envelope: dict[str, Any]) -> None:
    """Refuse an event that no wait could take, where its author still sees it; say so if nobody ever waits for such an event."""
    waits = registry.waits_for(event)
    strangers = [of_another(wait, envelope["source"]) for wait in waits]
    if waits and all(strangers):
        raise InvalidEnvelope(f"event {event} fits no saga that waits for it: {strangers[0]}")
    misfits = []
    for wait in waits:
        try:
            fitted(wait, envelope)
        except ValidationError as error:
            misfits.append(error)
    if misfits and len(misfits) == len(waits):
        told = "; ".join(findings(misfits[0]))
        raise InvalidEnvelope(f"the data of {event} fits no saga that waits for it: {told}")
    if not waits and not engine_settings().SUBSCRIBERS and registry.everything():
        logger.warning("event %s is published, and no saga that is known here waits for its type", event)


def _text(name: str, given: object, *, least: int = 0, most: int) -> str:
    """What stands in a column of text; said before the database says it, which would show the whole row."""
    told = str(given) if isinstance(given, UUID | int) and not isinstance(given, bool) else given
    if isinstance(told, str) and least <= len(told.strip()) and len(told) <= most and is_storable_text(told):
        return told
    raise InputRefused(f"{name} is {shown(given)}; write a text of {least} to {most} characters")


def _stored(input: Message) -> dict[str, Any]:
    try:
        back, data = carried(input)
    except NotCarried as error:
        raise InputRefused(f"the input {error}") from error
    if back is not input and data != input.model_dump(mode="json"):
        raise InputRefused(
            f"the input {type(input).__name__} holds what the database cannot keep: a zero character, half a surrogate pair, or a number"
            " that is none (NaN, infinity). Remove it before the saga is started"
        )
    if (size := size_of(data)) > MOST_BYTES:
        raise InputRefused(
            f"the input {type(input).__name__} has {size:,} bytes; at most {MOST_BYTES:,} are taken. Store what is large in a row of your own,"
            " and start the saga with its id"
        )
    return data


def _already_started(definition: SagaDefinition, business_key: str, data: dict[str, Any]) -> Saga:
    saga = Saga.objects.get(definition=definition.name, business_key=business_key)
    if saga.input != data:
        raise BusinessKeyTaken(
            f"{definition.name} already runs for {business_key!r} with another input (saga {saga.id})"
        )
    return saga
