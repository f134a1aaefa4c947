"""Where things lie: the checkout, its environment, and the data folder of one running system.

A data folder is one system: its servers, secrets, ledgers and mail. As root it lies outside any home, because the servers then
run as an account of their own, and nobody's home is opened for that account.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[3]
REQUIREMENTS = PROJECT / "requirements"
VENV = PROJECT / ".venv"
SHOWN = 200
"""Characters of a path that are shown."""
SHARED = Path("/var/lib/orderly")
"""As root: the default data folders, and the server programs where the environment is closed to their account."""


def as_root() -> bool:
    """Return whether this process may do anything; the servers then run as an account of their own."""
    return os.geteuid() == 0


def default_data_folder() -> Path:
    """Return the data folder of this checkout: below it, or as root in /var/lib/orderly, named by its path."""
    if not as_root():
        return PROJECT / ".orderly"
    mark = hashlib.sha256(os.fsencode(PROJECT)).hexdigest()[:8]
    return SHARED / f"{PROJECT.name}-{mark}"


@dataclass(frozen=True, slots=True)
class DataFolder:
    """The names inside one data folder; nothing else knows them."""

    root: Path

    @property
    def postgres(self) -> Path:
        """PostgreSQL's own folder."""
        return self.root / "postgres"

    @property
    def valkey(self) -> Path:
        """Valkey's own folder: configuration and append-only file."""
        return self.root / "valkey"

    @property
    def mail(self) -> Path:
        """Sent mail, one file each."""
        return self.root / "mail"

    @property
    def static(self) -> Path:
        """What `collectstatic` gathers, for production."""
        return self.root / "static"

    @property
    def run(self) -> Path:
        """What holds only while something runs: locks, ports, process ids."""
        return self.root / "run"

    @property
    def secrets(self) -> Path:
        """Generated keys and passwords, readable for the owner only."""
        return self.root / "secrets.json"

    @property
    def servers(self) -> Path:
        """The servers of a person's own that the last `up` ran with: addresses with passwords, for the owner only."""
        return self.root / "servers.json"

    def ledger(self, service: str) -> Path:
        """Return the file in which the sandbox `service` (gateway, carrier) keeps its books."""
        return self.root / f"{service}.sqlite3"

    def command(self, *words: str) -> str:
        """Return a command line for this folder as one types it into a shell."""
        where = () if self.root == default_data_folder() else ("--data-dir", str(self.root))
        return shlex.join(("python3", "manage.py", *words, *where))

    def make(self) -> None:
        """Create the folder, or take from other accounts what they could read in it; idempotent.

        The servers' account may pass through it, and read nothing but its own. Raises Refusal where it belongs to another account, or
        cannot be made.
        """
        try:
            self._make()
        except OSError as error:
            raise _unusable(self.root, error.strerror or str(error)) from None

    def _make(self) -> None:
        if SHARED in self.root.parents:
            SHARED.mkdir(parents=True, exist_ok=True)
            SHARED.chmod(0o755)  # whatever the umask: the servers' account passes through
        for parent in reversed([parent for parent in self.root.parents if not parent.exists()]):
            parent.mkdir(exist_ok=True)
            parent.chmod(0o755)  # likewise
        self.root.mkdir(mode=0o700, exist_ok=True)
        _refuse_anothers(self.root)
        mode = self.root.stat().st_mode
        if as_root() and not mode & 0o001:
            _refuse_a_home(self.root)
            self.root.chmod(mode | 0o011)
        for folder in (self.mail, self.static, self.run):
            folder.mkdir(mode=0o700, exist_ok=True)
        for file in (*self.root.iterdir(), *self.run.iterdir(), *self.mail.iterdir()):
            _close(file)


def refuse_unusable(folder: Path) -> None:
    """Refuse what can be no folder, before anything is started.

    Raises:
        Refusal: saying why, and what to do.
    """
    try:
        there = next(path for path in (folder, *folder.parents) if path.exists())
    except OSError as error:
        raise _unusable(folder, error.strerror or str(error)) from None
    if not there.is_dir():
        raise _unusable(folder, f"{str(there)[:SHOWN]} is a file")


def _unusable(folder: Path, why: str) -> Exception:
    from config.system.boot.progress import Refusal

    name = str(folder)
    shown = name if len(name) <= SHOWN else f"{name[:SHOWN]}…"
    return Refusal(f"the data folder {shown} cannot be used: {why}. Choose another: --data-dir FOLDER")


def _close(file: Path) -> None:
    """Take a file of ours from all other accounts: an older version may have left ledgers that anybody could read."""
    with suppress(OSError):  # removed meanwhile
        status = file.lstat()
        if stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and status.st_mode & 0o077:
            file.chmod(stat.S_IMODE(status.st_mode) & ~0o077)


def _refuse_anothers(folder: Path) -> None:
    """Whoever owns a folder can replace what lies in it."""
    owner = folder.stat().st_uid
    if owner != os.geteuid():
        from config.system.boot.progress import Refusal

        raise Refusal(
            f"the data folder {folder} belongs to another account (uid {owner}, and this is uid {os.geteuid()}). Run the command as that"
            " account, or choose another folder: --data-dir FOLDER"
        )


def _refuse_a_home(folder: Path) -> None:
    import pwd

    from config.system.boot.progress import Refusal

    if any(Path(entry.pw_dir) == folder for entry in pwd.getpwall()):
        raise Refusal(f"{folder} is someone's home. Choose a folder of its own: --data-dir {SHARED / 'NAME'}")
