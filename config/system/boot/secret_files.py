"""Secrets from files: `NAME_FILE` says where the value of `NAME` is read, as containers and service managers hand secrets over.

A value in a file is in no list of environments, no crash report, and no shell's history. What is said about a file that will not do
never holds a word of it.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from pathlib import Path

from config.system.boot.progress import Refusal

SECRETS = frozenset(
    {
        "SECRET_KEY", "DATABASE_URL", "ORDERLY_OWNER_DATABASE_URL", "CELERY_BROKER_URL", "CELERY_RESULT_BACKEND", "ORDERLY_API_TOKENS",
        "ORDERLY_GATEWAY_SECRET", "ORDERLY_CARRIER_SECRET", "ORDERLY_ADMIN_PASSWORD", "ORDERLY_SMTP_PASSWORD",
        "ORDERLY_LIMITS_URL", "FLOWER_BASIC_AUTH",
    }
)  # fmt: skip
"""Variables whose values nobody may read who does not need them. Each may be given by a file."""
_MOST = 64 * 1024

_files: dict[str, tuple[str, str]] = {}
"""By variable: the file it was read from, and what was read."""


def read_secret_files(environment: MutableMapping[str, str]) -> None:
    """Put what the files hold into the environment, each in place of its `NAME_FILE`; idempotent.

    Raises:
        Refusal: a secret is given twice, or a file cannot be read or holds no single line of text.
    """
    for name in sorted(SECRETS):
        file = environment.get(f"{name}_FILE", "")
        if not file:
            continue
        if environment.get(name):
            raise Refusal(f"{name} and {name}_FILE are both set; keep one of them.")
        value = _read(f"{name}_FILE", Path(file))
        environment[name] = value
        del environment[f"{name}_FILE"]
        _files[name] = (os.path.abspath(file), value)


def file_of(name: str) -> str | None:
    """Return the file that the value of a variable has come from, if it is still that value."""
    file, value = _files.get(name, ("", None))
    return file if value is not None and os.environ.get(name) == value else None


def _read(variable: str, file: Path) -> str:
    try:
        with file.open("rb") as opened:
            content = opened.read(_MOST + 1)
    except OSError as error:
        raise Refusal(f"{variable} names {file}, which cannot be read: {error.strerror}") from None
    try:
        text = content.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise Refusal(f"{variable} names {file}, which holds no text.") from None
    if not text.strip() or len(content) > _MOST or any(character in text for character in "\r\n\0"):
        raise Refusal(
            f"{variable} names {file}, which must hold the value on a single line, and nothing else."
        )
    return text
