"""Signatures: what is accepted, and that nothing else is, whatever it looks like."""

from __future__ import annotations

import base64
import hashlib
import hmac
import random
from typing import Any

import pytest

from shipping.standard_webhooks import MIN_SECRET_BYTES, NotVerified, api_key, read_secrets, sign, verify

NOW = 1_800_000_000
SECRET = b"s" * 32
BODY = b'{"id": "evt_1"}'


def signed(secret: bytes = SECRET, event_id: str = "evt_1", timestamp: int = NOW, body: bytes = BODY) -> str:
    return sign(secret=secret, event_id=event_id, timestamp=timestamp, body=body)


def check(**changes: Any) -> None:
    values: dict[str, Any] = {
        "secrets": (SECRET,),
        "event_id": "evt_1",
        "timestamp": str(NOW),
        "signatures": signed(),
        "body": BODY,
        "now": float(NOW),
    }
    verify(**{**values, **changes})


def test_the_signature_is_that_of_the_standard() -> None:
    # Computed by hand, as the specification says: v1, base64(HMAC-SHA256(secret, "id.timestamp.body")).
    content = b"evt_1.1800000000." + BODY
    assert signed() == "v1," + base64.b64encode(hmac.new(SECRET, content, hashlib.sha256).digest()).decode()


def test_what_was_signed_now_with_our_secret_is_verified() -> None:
    check()


@pytest.mark.parametrize("off", [-300, 300])
def test_a_clock_may_be_off_by_five_minutes(off: int) -> None:
    check(now=float(NOW + off))


@pytest.mark.parametrize("off", [-301, 301, 86_400])
def test_a_stale_or_early_request_is_not_verified(off: int) -> None:
    with pytest.raises(NotVerified):
        check(now=float(NOW + off))


def test_either_secret_is_accepted_during_a_rotation() -> None:
    new, old = read_secrets("n" * 32 + ", whsec_" + base64.b64encode(b"o" * 32).decode())
    for secret in (new, old):
        check(secrets=(new, old), signatures=signed(secret))
    check(secrets=(new,), signatures=f"{signed(old)} {signed(new)}")
    with pytest.raises(NotVerified):
        check(secrets=(new,), signatures=signed(old))


HOSTILE: list[dict[str, Any]] = [
    {"body": BODY + b" "},
    {"body": b""},
    {"event_id": "evt_2"},
    {"event_id": ""},
    {"event_id": "evt_1.1"},
    {"event_id": "evt_1\n"},
    {"event_id": "é" * 5},
    {"event_id": "x" * 129},
    {"timestamp": str(NOW + 1)},
    {"timestamp": ""},
    {"timestamp": "-1"},
    {"timestamp": "nan"},
    {"timestamp": f"{NOW}.0"},
    {"timestamp": f" {NOW}"},
    {"timestamp": "9" * 400},
    {"timestamp": "١٨"},
    {"signatures": ""},
    {"signatures": "v1"},
    {"signatures": "v1,"},
    {"signatures": ",,,"},
    {"signatures": "v1,%%%"},
    {"signatures": "v1,é"},
    {"signatures": "\ud800"},
    {"signatures": signed().replace("v1,", "v1a,")},
    {"signatures": signed().replace("v1,", "")},
    {"signatures": signed() + "x"},
    {"signatures": signed()[:-1]},
    {"signatures": signed(b"w" * 32)},
    {"signatures": " ".join(["v1,x"] * 10_000 + [signed()])},
    {"secrets": ()},
]


@pytest.mark.parametrize("changes", HOSTILE, ids=lambda it: repr(it)[:40])
def test_nothing_else_is_verified_and_nothing_else_is_raised(changes: dict[str, Any]) -> None:
    with pytest.raises(NotVerified):
        check(**changes)


def test_two_thousand_damaged_requests_are_not_verified() -> None:
    chosen = random.Random(7)
    for _ in range(2000):
        field = chosen.choice(["event_id", "timestamp", "signatures", "body"])
        good = {"event_id": "evt_1", "timestamp": str(NOW), "signatures": signed(), "body": BODY.decode()}[
            field
        ]
        at = chosen.randrange(len(good))
        bad = (
            good[:at] + chr(chosen.choice([0, 10, 44, 46, 0x3B1, chosen.randrange(32, 127)])) + good[at + 1 :]
        )
        if bad == good:
            continue
        with pytest.raises(NotVerified):
            check(**{field: bad.encode() if field == "body" else bad})


@pytest.mark.parametrize(
    "text", ["", " , ", "short", "whsec_" + "a" * 8, "whsec_%%%%", "x" * (MIN_SECRET_BYTES - 1)]
)
def test_a_weak_or_broken_secret_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="webhook secret"):
        read_secrets(text)


def test_the_key_for_calling_the_carrier_does_not_give_the_secret_away() -> None:
    assert SECRET.hex() not in api_key(SECRET)
    assert api_key(SECRET) != api_key(b"t" * 32)
