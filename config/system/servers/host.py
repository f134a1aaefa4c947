"""What the embedded servers need of this machine, looked for only when one has to be started."""

from __future__ import annotations

from functools import cached_property

from config.system.boot.paths import DataFolder
from config.system.servers.account import Account, refuse_closed, server_account
from config.system.servers.programs import Programs, find_programs


class Host:
    """The account the servers of `folder` run as, and their programs where it can execute them."""

    def __init__(self, folder: DataFolder) -> None:
        self._folder = folder

    @cached_property
    def account(self) -> Account | None:
        """The servers' account, made where needed; None where they run as ourselves."""
        account = server_account()
        if account is not None:
            refuse_closed(self._folder.postgres)
        return account

    @cached_property
    def programs(self) -> Programs:
        """The server programs."""
        return find_programs(self.account)
