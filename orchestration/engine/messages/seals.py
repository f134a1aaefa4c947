"""The seal of an event: a MAC that says which source speaks, made at each send and checked at receipt.

The broker is not trusted: whoever can write to a queue could otherwise say that stock has come, or that a parcel has left. A source has
a key of its own, derived from the project's, so that a participant that is given one cannot speak for another. The seal is never stored:
the database keeps what JSON means, not its bytes.

A seal reads `v1,<key id>,<hex>`: HMAC-SHA256 over the canonical JSON (sorted keys, no spaces, UTF-8) of the fields in `SEALED`
that the envelope has.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.conf import settings

from orchestration.conf import engine_settings
from orchestration.errors import InvalidEnvelope
from orchestration.models import OutboxMessage

SEAL = "seal"
"""The field of the envelope that holds it."""
SEALED = ("specversion", "id", "type", "source", "key", "time", "data")
_VERSION = "v1"


def source_key(source: str) -> str:
    """Return the key with which a source seals its events, as text: for a participant that is not ours. Keep it secret.

    It is derived from the first of the keys in force (`EVENT_KEYS`, or Django's SECRET_KEY), and changes with it.
    """
    return next(_keys_of(source)).hex()


def sealed(envelope: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of an envelope with the seal of its source, as it is sent."""
    return {**envelope, SEAL: _seal(envelope["source"], canonical(envelope))}


def unsealed(envelope: dict[str, Any]) -> dict[str, Any]:
    """Return an envelope without its seal, once that has been checked. `check_envelope` must have accepted it.

    One without any seal is accepted if it is word for word what lies in our own outbox, sent and not yet received: that is how an
    upgrade from a version without seals finds what is under way. Costs a query only then.

    Raises:
        InvalidEnvelope: the seal is missing, or is not one of its source.
    """
    bare = {name: value for name, value in envelope.items() if name != SEAL}
    seal = envelope.get(SEAL)
    if seal is None:
        if _is_our_own(bare):
            return bare
        raise InvalidEnvelope("it has no seal; only its source can make one (EVENT_KEYS)")
    if not isinstance(seal, str) or not _is_genuine(seal, bare["source"], canonical(bare)):
        raise InvalidEnvelope(
            "its seal is not that of its source: another key (EVENT_KEYS), or it was changed"
        )
    return bare


def name_seal(source: str, event_id: str) -> str:
    """Return the seal of an event's name alone, for the headers of its message: whoever sets it aside need not open it."""
    return _seal(source, _named(source, event_id))


def receipt_seal(source: str, event_id: str, queue: str) -> str:
    """Return the seal of a subscriber's receipt for its copy of an event: only who was sent the copy can show it."""
    return _seal(source, _receipt(source, event_id, queue))


def is_receipt(seal: object, source: str, event_id: str, queue: str) -> bool:
    """Say whether this is the seal of that receipt."""
    return isinstance(seal, str) and _is_genuine(seal, source, _receipt(source, event_id, queue))


def named_in(headers: Mapping[str, Any], envelope: object = None) -> tuple[str, str]:
    """Return source and id of the event that a message carries, if a genuine seal says so; else two empty texts.

    Otherwise anybody could have an event of ours taken for one that was set aside, and it would not be sent again.

    Args:
        headers: of the message; with the seal of the name alone.
        envelope: what it carries, if it could be opened.
    """
    source, event_id = headers.get("event_source"), headers.get("event_id")
    seal = headers.get("event_seal")
    if isinstance(source, str) and isinstance(event_id, str) and isinstance(seal, str):
        try:
            if _is_genuine(seal, source, _named(source, event_id)):
                return source, event_id
        except UnicodeEncodeError:
            pass
    if isinstance(envelope, dict) and isinstance(envelope.get(SEAL), str):
        try:
            bare = unsealed(envelope)
            return str(bare["source"]), str(bare["id"])
        except (InvalidEnvelope, LookupError, TypeError, ValueError, AttributeError, RecursionError):
            pass
    return "", ""


def canonical(envelope: dict[str, Any]) -> bytes:
    """Return the bytes that are sealed."""
    facts = {name: envelope[name] for name in SEALED if name in envelope}
    return json.dumps(
        facts, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False
    ).encode()


def _named(source: str, event_id: str) -> bytes:
    return f"{source}\x1f{event_id}".encode()


def _receipt(source: str, event_id: str, queue: str) -> bytes:
    return f"receipt\x1f{queue}\x1f{source}\x1f{event_id}".encode()


def _seal(source: str, content: bytes) -> str:
    key = next(_keys_of(source))
    return f"{_VERSION},{_key_id(key)},{_mac(key, content)}"


def _is_genuine(seal: str, source: str, content: bytes) -> bool:
    version, _, rest = seal.partition(",")
    key_id, _, mac = rest.partition(",")
    if version != _VERSION or not mac.isascii():
        return False
    return any(
        key_id == _key_id(key) and hmac.compare_digest(mac, _mac(key, content)) for key in _keys_of(source)
    )


def _keys_of(source: str) -> Iterator[bytes]:
    """The keys of a source, the one that seals first."""
    given: Iterable[str | bytes] = engine_settings().EVENT_KEYS or (
        settings.SECRET_KEY,
        *settings.SECRET_KEY_FALLBACKS,
    )
    for key in given:
        secret = key if isinstance(key, bytes) else key.encode()
        yield hmac.digest(
            secret, b"orchestration.event.source\x1f" + source.encode(errors="replace"), "sha256"
        )


def _key_id(key: bytes) -> str:
    return hashlib.sha256(b"orchestration.event.key\x1f" + key).hexdigest()[:8]


def _mac(key: bytes, content: bytes) -> str:
    return hmac.digest(key, content, "sha256").hex()


def _is_our_own(envelope: dict[str, Any]) -> bool:
    under_way = OutboxMessage.objects.filter(
        kind="event",
        received_at=None,
        sent_at__isnull=False,
        payload__source=envelope["source"],
        payload__id=envelope["id"],
    )
    return any(message.payload == envelope for message in under_way)
