"""The account the embedded servers run as where Orderly itself runs as root: PostgreSQL refuses root, and rightly.

Nothing but the servers' own folders belongs to it. No folder of anyone else is opened for it: a place it cannot enter is
refused, and the message says which place would do.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from config.system.boot.paths import SHARED, as_root
from config.system.boot.progress import Refusal, say

NAME = "orderly-servers"


@dataclass(frozen=True, slots=True)
class Account:
    """Whom the servers run as; `None` in place of one means: as ourselves."""

    uid: int
    gid: int

    def own(self, path: Path) -> None:
        """Give `path` to the account."""
        os.chown(path, self.uid, self.gid)


def server_account() -> Account | None:
    """Return the account for the servers, made where it does not exist yet; None when we are not root."""
    if not as_root():
        return None
    entry = _look_up() or _create()
    return Account(uid=entry.pw_uid, gid=entry.pw_gid)


def can_enter(path: Path) -> bool:
    """Return whether an account that owns nothing on the way may reach `path`."""
    return all(folder.stat().st_mode & 0o001 for folder in path.resolve().parents)


def refuse_closed(folder: Path) -> None:
    """Raise Refusal where the servers' account could not reach `folder`."""
    closed = [parent for parent in folder.resolve().parents if not parent.stat().st_mode & 0o001]
    if closed:
        raise Refusal(
            f"the data folder {folder} lies in {closed[0]}, which other accounts may not enter. As root, PostgreSQL "
            f"runs as the account {NAME}, and Orderly opens no folder that is not its own. Choose another place "
            f"(--data-dir {SHARED / 'NAME'}), leave --data-dir out, or run it as an ordinary user."
        )


def _look_up() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(NAME)
    except KeyError:
        return None


def _create() -> pwd.struct_passwd:
    commands = (
        ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent",
         "--shell", "/usr/sbin/nologin", NAME],
        ["adduser", "-S", "-D", "-H", "-s", "/sbin/nologin", NAME],
    )  # fmt: skip
    said = "neither useradd nor adduser was found"
    for command in commands:
        if shutil.which(command[0]) is None:
            continue
        done = subprocess.run(command, capture_output=True, text=True)
        entry = _look_up()  # another start may have made it at the same moment
        if entry:
            say(f"made the system account {NAME}, which PostgreSQL and Valkey run as")
            return entry
        said = done.stderr.strip()
    raise Refusal(
        f"PostgreSQL does not run as root, and the account {NAME} could not be made ({said}). Run Orderly as an "
        "ordinary user, or use your own servers (DATABASE_URL, CELERY_BROKER_URL, CELERY_RESULT_BACKEND)."
    )
