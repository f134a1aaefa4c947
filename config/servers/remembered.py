"""The servers of a person's own that a data folder was last run with: every command on it works on the same ones.

Without that, `verify` beside an `up` on DATABASE_URL would start an empty PostgreSQL and find everything wrong.
"""

from __future__ import annotations

import json
import os

from config.boot.paths import DataFolder

OWNER_URL = "ORDERLY_OWNER_DATABASE_URL"
NAMES = ("DATABASE_URL", "CELERY_BROKER_URL", "CELERY_RESULT_BACKEND")


def recall(folder: DataFolder) -> list[str]:
    """Put what is remembered into the environment, where that says nothing; an empty text says "the embedded one".

    Returns:
        The names of the variables that were recalled.
    """
    try:
        kept: dict[str, str] = json.loads(folder.servers.read_text())
    except (OSError, ValueError):
        return []
    recalled = [name for name in NAMES if name not in os.environ and kept.get(name)]
    # The owner belongs to the database that it was named with: it must not change the tables of another one.
    if "DATABASE_URL" in recalled and OWNER_URL not in os.environ and kept.get(OWNER_URL):
        recalled.append(OWNER_URL)
    os.environ.update({name: kept[name] for name in recalled})
    return recalled


def remember(folder: DataFolder) -> None:
    """Keep what the environment says now, for the folder's owner only; nothing where it names no server."""
    named = {name: os.environ[name] for name in (*NAMES, OWNER_URL) if os.environ.get(name)}
    if "DATABASE_URL" not in named:
        named.pop(OWNER_URL, None)
    if not named:
        folder.servers.unlink(missing_ok=True)
        return
    unfinished = folder.servers.with_suffix(".new")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        json.dump(named, out)
    unfinished.replace(folder.servers)
