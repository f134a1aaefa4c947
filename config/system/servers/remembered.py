"""The servers of a person's own that a data folder was last run with: every command on it works on the same ones.

Without that, `verify` beside an `up` on DATABASE_URL would start an empty PostgreSQL and find everything wrong.
"""

from __future__ import annotations

import json
import os

from config.system.boot.paths import DataFolder
from config.system.boot.secret_files import file_of, read_secret_files

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
    recalled = [name for name in NAMES if name not in os.environ and _is_kept(kept, name)]
    _take(kept, recalled)
    # The owner belongs to the database that it was named with: it must not change the tables of another one.
    is_that_one = os.environ.get("DATABASE_URL") and (
        "DATABASE_URL" in recalled or _says(kept, "DATABASE_URL")
    )
    if is_that_one and OWNER_URL not in os.environ and _is_kept(kept, OWNER_URL):
        _take(kept, [OWNER_URL])
        recalled.append(OWNER_URL)
    return recalled


def remember(folder: DataFolder) -> None:
    """Keep what the environment says now, for the folder's owner only; nothing where it names no server.

    Of an address that has come from a file, the file is kept: what it holds may be another password tomorrow.
    """
    names = [name for name in (*NAMES, OWNER_URL) if os.environ.get(name)]
    if "DATABASE_URL" not in names and OWNER_URL in names:
        names.remove(OWNER_URL)
    named = {f"{name}_FILE" if (file := file_of(name)) else name: file or os.environ[name] for name in names}
    if not named:
        folder.servers.unlink(missing_ok=True)
        return
    unfinished = folder.servers.with_suffix(".new")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        json.dump(named, out)
    unfinished.replace(folder.servers)


def _is_kept(kept: dict[str, str], name: str) -> bool:
    return bool(kept.get(name) or kept.get(f"{name}_FILE"))


def _says(kept: dict[str, str], name: str) -> bool:
    """Return whether the environment says what is kept."""
    file = kept.get(f"{name}_FILE")
    return file_of(name) == file if file else os.environ.get(name) == kept.get(name)


def _take(kept: dict[str, str], names: list[str]) -> None:
    for name in names:
        variable = f"{name}_FILE" if kept.get(f"{name}_FILE") else name
        os.environ[variable] = kept[variable]
    read_secret_files(os.environ)
