"""Reading the `Idempotency-Key` header: a quoted structured-field string or the bare key, which are the same key."""

from __future__ import annotations

import re

from orders.api.problems import Refusal
from orders.models.idempotency import LONGEST_KEY

_QUOTED = re.compile(r'"((?:[^"\\]|\\["\\])*)"')


LONG_ENOUGH = 32
"""A UUID without its hyphens. Nobody says who sent it, so a key must be one that nobody else makes."""


def read_key(header: str | None, *, is_anonymous: bool) -> str:
    """The key, without quotes.

    Raises:
        Refusal: 400, when it is missing, empty, too long or not printable ASCII, or of an anonymous caller and too short.
    """
    if header is None or not header.strip():
        raise Refusal(
            400,
            "idempotency-key-missing",
            "Send an 'Idempotency-Key' header with a new value for each order, for example a UUID; "
            "send the same value again when you repeat the request.",
        )
    key = header.strip()
    if key.startswith('"'):
        quoted = _QUOTED.fullmatch(key)
        if quoted is None:
            raise _invalid("its quotes do not match")
        key = re.sub(r"\\(.)", r"\1", quoted.group(1))
    elif "," in key:
        # Two headers, joined to one on their way.
        raise _invalid("send one; quote it where it has a comma")
    if not key:
        raise _invalid("it is empty")
    if len(key) > LONGEST_KEY:
        raise _invalid(f"it has {len(key)} characters and may have {LONGEST_KEY}")
    if not (key.isascii() and key.isprintable()):
        raise _invalid("it may hold printable ASCII characters only")
    if is_anonymous and len(key) < LONG_ENOUGH:
        raise _invalid(
            f"without an API token it needs {LONG_ENOUGH} characters, because it alone tells your order from another's; make a UUID"
        )
    return key


def _invalid(why: str) -> Refusal:
    return Refusal(400, "idempotency-key-invalid", f"The Idempotency-Key cannot be used: {why}.")
