"""Answering a repeated request with the answer already given.

The answer is stored in the transaction that did the work, and a lock that ends with that transaction keeps a second
request out meanwhile: whoever dies in the middle leaves neither an effect nor a lock behind.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

from orders.errors import KeyInUse, KeyReused
from orders.models import IdempotencyKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An HTTP answer that can be stored."""

    status_code: int
    body: str
    location: str = ""
    is_replay: bool = False


def hash_request(*, method: str, path: str, content: Any) -> str:
    """SHA-256 of a request; white space and the order of fields do not count."""
    canonical = json.dumps([method, path, content], sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def answer_once(*, principal: str, key: str, request_hash: str, act: Callable[[], Answer]) -> Answer:
    """Do `act` and store its answer, or give the stored answer again.

    Guarantees: opens one transaction, and `act` joins it. Idempotent by (principal, key). What `act` raises undoes
    everything and is not stored, so that a corrected request may use the same key.

    Raises:
        KeyInUse: a request with this key is being carried out at this moment.
        KeyReused: the key was used with another request.
    """
    with transaction.atomic():
        _lock_key_or_refuse(principal, key)
        stored = IdempotencyKey.objects.filter(principal=principal, key=key).first()
        if stored is not None:
            if stored.request_hash != request_hash:
                raise KeyReused(KeyReused.__doc__)
            return Answer(
                status_code=stored.status_code, body=stored.body, location=stored.location, is_replay=True
            )
        answer = act()
        IdempotencyKey.objects.create(
            principal=principal,
            key=key,
            request_hash=request_hash,
            status_code=answer.status_code,
            body=answer.body,
            location=answer.location,
        )
        return answer


def _lock_key_or_refuse(principal: str, key: str) -> None:
    digest = hashlib.sha256(json.dumps([principal, key]).encode()).digest()
    number = int.from_bytes(digest[:8], "big", signed=True)
    with connection.cursor() as cursor:
        # Refuses at once instead of queueing: waiting requests would hold web threads and connections.
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [number])
        row = cursor.fetchone()
    if row is None or not row[0]:
        raise KeyInUse(KeyInUse.__doc__)
