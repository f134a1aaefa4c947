"""`up --fresh`: removes what a former run has stored, by name, and nothing else that may lie in the folder."""

from __future__ import annotations

import fcntl
import os
import shutil

from config.system.boot.paths import DataFolder
from config.system.boot.progress import Refusal, say
from config.system.servers.embedded import EmbeddedServers


def empty_folder(folder: DataFolder) -> None:
    """Remove the databases, ledgers, mail and secrets of `folder`; raises Refusal while another command uses them."""
    with (folder.run / "users.lock").open("a") as users:
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refusal(
                f"another command is using the data in {folder.root}; end it before starting from empty data."
            ) from None
        EmbeddedServers(folder).stop()  # left by a killed command
        for database in (
            folder.postgres,
            folder.postgres.with_name("postgres.new"),
            folder.valkey,
            folder.mail,
        ):
            shutil.rmtree(database, ignore_errors=True)
        for service in ("gateway", "carrier"):
            ledger = folder.ledger(service)
            for file in ledger.parent.glob(ledger.name + "*"):  # with what SQLite keeps beside it
                file.unlink()
        folder.secrets.unlink(missing_ok=True)
    folder.make()
    say(f"emptied {folder.root}")
    for variable, what in (("DATABASE_URL", "database"), ("CELERY_BROKER_URL", "broker")):
        if os.environ.get(variable):
            say(
                f"your own {what} ({variable}) is left as it is: --fresh empties only what Orderly brought itself"
            )
