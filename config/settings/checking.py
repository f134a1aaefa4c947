"""What production refuses to start with, and the words it says. Never the value itself: it would end in a log."""

from __future__ import annotations

from django.core.exceptions import ImproperlyConfigured
from limits import parse

_SHORTEST_KEY = 50
_FEWEST_CHARACTERS = 5
"""Django's own measures (`security.W009`): a key below them is a word or a pattern."""

_NEW_KEY = "python3 -c 'import secrets; print(secrets.token_urlsafe(64))'"


def strong_secret_key(key: str) -> str:
    """Return `key`; raise ImproperlyConfigured where it could be guessed, saying how to make one that cannot."""
    if len(key) < _SHORTEST_KEY:
        why = f"it has {len(key)} characters and needs {_SHORTEST_KEY}"
    elif len(set(key)) < _FEWEST_CHARACTERS:
        why = "it repeats a few characters"
    elif key.startswith("django-insecure-"):
        why = "it is one that Django made for development"
    else:
        return key
    raise ImproperlyConfigured(
        f"SECRET_KEY is too weak for production: {why}. Make one with {_NEW_KEY} and set SECRET_KEY to it (or, where "
        "it is kept in secrets.json of the data folder, remove secret_key there and start again). "
        "Everybody has to sign in again then."
    )


def rates(known: dict[str, str], chosen: dict[str, str]) -> dict[str, str]:
    """Return the rates by scope, `chosen` before `known`; raise ImproperlyConfigured for a scope or rate nobody knows."""
    for scope, rate in chosen.items():
        if scope not in known:
            raise ImproperlyConfigured(
                f"ORDERLY_LIMITS names {scope!r}; there is {', '.join(sorted(known))}."
            )
        try:
            parse(rate)
        except ValueError:
            raise ImproperlyConfigured(
                f"ORDERLY_LIMITS gives {scope} the rate {rate!r}; write it like 20/minute or 5000/hour."
            ) from None
    return {**known, **chosen}
