"""What sagas and steps were given, made fit to be shown: values that would be of use to whoever reads them are masked."""

from __future__ import annotations

import json
import re
from typing import Any

MASK = "•••"
SECRET_WORDS = frozenset(
    [
        *("card", "cards", "pan", "cvc", "cvv", "iban"),
        *("password", "passwd", "passphrase", "pwd", "pin"),
        *("secret", "secrets", "token", "tokens", "credential", "credentials", "bearer"),
        *("cookie", "session", "signature", "apikey"),
    ]
)
"""A key that has one of these among its words (`card_token`, `gatewaySecret`) is masked."""
SECRET_KEYS = frozenset({"authorization", "api_key", "access_key", "private_key", "secret_key", "client_key"})
"""Whole keys; `authorization_id` only names a thing and does not open it."""
_BORDER = re.compile(r"[^A-Za-z0-9]+|(?<=[a-z0-9])(?=[A-Z])")


def masked(data: Any) -> Any:
    """A copy of JSON data in which the value of every key that sounds like a secret is masked, at any depth."""
    if isinstance(data, dict):
        return {
            key: MASK if _is_secret(str(key)) and value not in (None, "") else masked(value)
            for key, value in data.items()
        }
    if isinstance(data, list):
        return [masked(value) for value in data]
    return data


def shown(data: Any) -> str:
    """Masked JSON over several lines; empty when there is nothing to show."""
    if data in (None, "", {}, []):
        return ""
    return json.dumps(masked(data), indent=2, ensure_ascii=False, default=str)


def _is_secret(key: str) -> bool:
    words = [word.lower() for word in _BORDER.split(key) if word]
    return not SECRET_WORDS.isdisjoint(words) or "_".join(words) in SECRET_KEYS
