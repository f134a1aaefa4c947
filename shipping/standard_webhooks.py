"""Signing and verifying webhooks as Standard Webhooks 1.0 says: HMAC-SHA256 over `id.timestamp.body`, on raw bytes.

Standard library only: the carrier's process signs with it, the web process verifies with it. Verifying never raises
anything but NotVerified, whatever was sent.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Sequence

TOLERANCE_SECONDS = 300
"""How far the sender's clock may be off; also how long a recorded request could be replayed unseen."""

MIN_SECRET_BYTES = 24
"""The standard's own minimum."""

_MAX_SIGNATURES = 8
"""A rotation needs two; thousands would only cost us time."""

_ID = re.compile(r"[A-Za-z0-9_\-]{1,128}")
_TIMESTAMP = re.compile(r"[0-9]{1,12}")


class NotVerified(Exception):
    """This request was not sent by somebody who knows the secret, or not now. It says no more, on purpose."""


def read_secrets(text: str) -> tuple[bytes, ...]:
    """The secrets of a setting: one or more, by commas, the newest first; `whsec_<base64>` or plain text.

    Raises:
        ValueError: there is none, or one of them is too short or not what its prefix says.
    """
    secrets = tuple(_secret(part.strip()) for part in text.split(",") if part.strip())
    if not secrets:
        raise ValueError("the webhook secret is empty")
    return secrets


def sign(*, secret: bytes, event_id: str, timestamp: int, body: bytes) -> str:
    """The value of the `webhook-signature` header."""
    digest = hmac.new(secret, f"{event_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def verify(
    *, secrets: Sequence[bytes], event_id: str, timestamp: str, signatures: str, body: bytes, now: float
) -> None:
    """Return when one of the signatures was made with one of the secrets, and now.

    Raises:
        NotVerified: in every other case.
    """
    if not _ID.fullmatch(event_id) or not _TIMESTAMP.fullmatch(timestamp):
        raise NotVerified
    if abs(now - int(timestamp)) > TOLERANCE_SECONDS:
        raise NotVerified
    given = [part.encode(errors="replace") for part in signatures.split(" ")[:_MAX_SIGNATURES]]
    expected = [
        sign(secret=secret, event_id=event_id, timestamp=int(timestamp), body=body).encode()
        for secret in secrets
    ]
    if not any(hmac.compare_digest(mine, theirs) for mine in expected for theirs in given):
        raise NotVerified


def api_key(secret: bytes) -> str:
    """The key for calling the carrier, derived from the secret so that the secret itself never travels."""
    return hmac.new(secret, b"carrier api key", hashlib.sha256).hexdigest()


def _secret(text: str) -> bytes:
    if text.startswith("whsec_"):
        try:
            secret = base64.b64decode(text.removeprefix("whsec_"), validate=True)
        except (binascii.Error, ValueError):
            raise ValueError("a webhook secret begins with whsec_, but no base64 follows") from None
    else:
        secret = text.encode()
    if len(secret) < MIN_SECRET_BYTES:
        raise ValueError(f"a webhook secret needs at least {MIN_SECRET_BYTES} bytes")
    return secret
