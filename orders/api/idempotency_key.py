"""Reading the `Idempotency-Key` header: a quoted structured-field string or the bare key, which are the same key."""

from __future__ import annotations

import re

from orders.api.problems import Refusal
from orders.models.idempotency import LONGEST_KEY

_QUOTED = re.compile(r'"((?:[^"\\]|\\["\\])*)"')


def read_key(header: str | None) -> str:
    """The key, without quotes.

    Raises:
        Refusal: 400, when it is missing, empty, too long or not printable ASCII.
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
    if not key:
        raise _invalid("it is empty")
    if len(key) > LONGEST_KEY:
        raise _invalid(f"it has {len(key)} characters and may have {LONGEST_KEY}")
    if not (key.isascii() and key.isprintable()):
        raise _invalid("it may hold printable ASCII characters only")
    return key


def _invalid(why: str) -> Refusal:
    return Refusal(400, "idempotency-key-invalid", f"The Idempotency-Key cannot be used: {why}.")
