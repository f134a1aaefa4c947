"""Reads what the settings need from the environment, and says what to do where something is missing.

No secret has a default: a process that was not started through `manage.py` must be told its own. Each may be given by a file
(`NAME_FILE`), which is read here, once.
"""

from __future__ import annotations

import os

from django.core.exceptions import ImproperlyConfigured

from config.system.boot.progress import Refusal
from config.system.boot.secret_files import read_secret_files

try:
    read_secret_files(os.environ)
except Refusal as refusal:
    raise ImproperlyConfigured(str(refusal)) from None


def required(name: str, meaning: str) -> str:
    """Return the environment variable `name`; raise ImproperlyConfigured, naming it and its `meaning`, where unset."""
    value = os.environ.get(name, "")
    if not value:
        raise ImproperlyConfigured(
            f"{name} is not set ({meaning}). `python3 manage.py ...` sets it for every command; "
            "a process started in another way must be given it in its environment."
        )
    return value


def flag(name: str, *, default: bool = False) -> bool:
    """Return whether `name` is switched on (1, true, yes, on), or `default` where it is unset."""
    value = os.environ.get(name, "").strip().lower()
    return value in {"1", "true", "yes", "on"} if value else default


def words(name: str, default: list[str]) -> list[str]:
    """Return the comma-separated words of `name`, or `default` where it is unset."""
    value = os.environ.get(name)
    return default if value is None else [word.strip() for word in value.split(",") if word.strip()]


def whole_number(name: str, default: int) -> int:
    """Return `name` as a whole number; raise ImproperlyConfigured where it is not one."""
    value = os.environ.get(name, "")
    if not value:
        return default
    try:
        return int(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}.") from None


def numbers(names: dict[str, str]) -> dict[str, float]:
    """Return, of a mapping from keys to variables, the keys whose variable is set, as positive numbers.

    Raises:
        ImproperlyConfigured: one is something else.
    """
    found = {}
    for key, name in names.items():
        value = os.environ.get(name, "")
        if not value:
            continue
        try:
            found[key] = float(value)
        except ValueError:
            found[key] = 0.0
        if not 0 < found[key] < 1e6:
            raise ImproperlyConfigured(f"{name} must be a number of seconds above 0, not {value!r}.")
    return found


def pairs(name: str) -> dict[str, str]:
    """Return `name` as a mapping, written `one=value,two=value`; raise ImproperlyConfigured where it is not."""
    found = {}
    for word in words(name, []):
        key, separator, value = word.partition("=")
        if not (key and separator and value):
            # Not the word itself: its value may be a secret.
            raise ImproperlyConfigured(f"{name} must be written name=value,name=value.")
        found[key] = value
    return found
