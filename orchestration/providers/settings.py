"""The settings of a provider (from Django's, else from the environment) and the one client of a process that they choose."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.utils.module_loading import import_string

DEFAULT_TIMEOUT = 4.0
"""Seconds. A customer is waiting, and a step's own timeout (30 s) has room for connecting, asking and looking up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSettings:
    """The settings of one provider, by the beginning of their names.

    | Django's setting    | environment          | meaning                                              |
    |---------------------|----------------------|------------------------------------------------------|
    | `<setting>`         | -                    | dotted path of the client's class                    |
    | `<setting>_URL`     | `<variable>_URL`     | where the provider listens                           |
    | `<setting>_SECRET`  | `<variable>_SECRET`  | our secret there                                     |
    | `<setting>_TIMEOUT` | `<variable>_TIMEOUT` | seconds that one call may take altogether            |
    | `<setting>_LEDGER`  | `<variable>_LEDGER`  | the ledger file in which a sandbox lists its effects |
    """

    setting: str
    variable: str
    client_class: str
    """The dotted path used where no setting names another."""
    ledger_name: str
    """The file in the folder of the setting DATA_DIR, where no setting names another ledger."""

    def client(self) -> Any:
        """Return the client that the settings choose, one for the process."""
        path = str(getattr(settings, self.setting, self.client_class))
        if (self.setting, path) not in _clients:
            _clients[self.setting, path] = import_string(path)()
        return _clients[self.setting, path]

    @property
    def url(self) -> str:
        """Address of the provider, without a slash at the end."""
        return self._required("URL").rstrip("/")

    @property
    def is_sandbox(self) -> bool:
        """Whether it is the sandbox of this system: it listens on this machine alone, where only its processes know."""
        return urlsplit(self._value("URL")).hostname in (None, "127.0.0.1", "::1", "localhost")

    @property
    def secret(self) -> str:
        """Our secret at the provider."""
        return self._required("SECRET")

    @property
    def timeout(self) -> float:
        """Seconds that one call may take altogether."""
        return float(self._value("TIMEOUT") or DEFAULT_TIMEOUT)

    @property
    def ledger(self) -> Path:
        """The ledger file of a sandbox."""
        folder = getattr(settings, "DATA_DIR", None)
        usual = Path(folder) / self.ledger_name if folder else None
        return Path(self._value("LEDGER") or usual or self._required("LEDGER"))

    def _value(self, name: str) -> str:
        given = getattr(settings, f"{self.setting}_{name}", None)
        return str(given or os.environ.get(f"{self.variable}_{name}", ""))

    def _required(self, name: str) -> str:
        value = self._value(name)
        if not value:
            raise ImproperlyConfigured(
                f"Set {self.variable}_{name} in the environment, or {self.setting}_{name} in the settings."
            )
        return value


_clients: dict[tuple[str, str], Any] = {}


def _forget_on_change(*, setting: str, **_: Any) -> None:
    # Tests change the settings; a client built from the old ones would go on talking to the old address.
    for chosen in [chosen for chosen in _clients if setting.startswith(chosen[0])]:
        _clients.pop(chosen).close()


setting_changed.connect(_forget_on_change)
