"""Keys and passwords of one data folder: generated once, kept in a file only its owner can read, never defaults.

Invariant: the file is complete or absent; it is written under the folder's start lock.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from config.system.boot.paths import DataFolder


@dataclass(frozen=True, slots=True)
class Credentials:
    """Every secret of one system."""

    secret_key: str
    """Signs sessions and tokens."""
    database_password: str
    """Of the role that administers the embedded PostgreSQL; the application never has it."""
    owner_database_password: str
    """Of the role that owns the tables: for `migrate` and `prune`."""
    application_database_password: str
    """Of the role that everything else works as."""
    broker_password: str
    """Of the user that administers the embedded Valkey; the application never has it."""
    application_broker_password: str
    admin_password: str
    """Of the admin account made on the first run; what is in force may have been changed in the admin since."""
    flower_password: str
    api_token: str
    """Of the caller `operator` of our own HTTP API."""
    gateway_secret: str
    """The payment gateway's API key."""
    carrier_secret: str
    """Signs what the carrier sends to the web process."""


def load_credentials(file: Path) -> Credentials:
    """Return the secrets kept in `file`, generating those that are missing. Call with the start lock held."""
    try:
        kept = json.loads(file.read_text())
    except FileNotFoundError:
        kept = {}
    names = [field.name for field in fields(Credentials)]
    credentials = Credentials(**{name: kept.get(name) or _generate(name) for name in names})
    if any(name not in kept for name in names):
        unfinished = file.with_suffix(".new")
        unfinished.unlink(missing_ok=True)
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            json.dump(asdict(credentials), out, indent=2)
        unfinished.replace(file)
    return credentials


def passwords_were_shown(folder: DataFolder) -> bool:
    """Return whether the passwords that are in force have been shown at a terminal: a screen is read over shoulders, and kept in logs."""
    try:
        return _shown(folder).read_text() == _mark(folder)
    except OSError:
        return False


def note_passwords_shown(folder: DataFolder) -> None:
    """Remember that they were shown; new ones are shown again."""
    _shown(folder).write_text(_mark(folder))


def _shown(folder: DataFolder) -> Path:
    return folder.run / "passwords.shown"


def _mark(folder: DataFolder) -> str:
    return hashlib.sha256(folder.secrets.read_bytes()).hexdigest()


def _generate(name: str) -> str:
    # Those a person types are shorter; 15 bytes are still 120 bits. Django wants 50 characters of its key.
    return secrets.token_urlsafe(
        {"admin_password": 15, "flower_password": 15, "secret_key": 48}.get(name, 32)
    )
