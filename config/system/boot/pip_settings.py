"""Hands what pip is configured with to uv, through environment variables, so that no password shows in a process list.

uv reads neither pip's files nor PIP_* variables; without this a machine behind a private index could not install.
"""

from __future__ import annotations

import ast
import os
import subprocess

# pip's name, uv's variable, what separates several values for uv (None: one value)
_TRANSLATION = (
    ("index-url", "UV_DEFAULT_INDEX", None),
    ("extra-index-url", "UV_INDEX", " "),
    ("find-links", "UV_FIND_LINKS", ","),
    ("trusted-host", "UV_INSECURE_HOST", " "),
    ("no-index", "UV_NO_INDEX", None),
    ("cert", "SSL_CERT_FILE", None),
    ("client-cert", "SSL_CLIENT_CERT", None),
    ("proxy", "ALL_PROXY", None),
    ("timeout", "UV_HTTP_TIMEOUT", None),
    ("default-timeout", "UV_HTTP_TIMEOUT", None),
)


def settings_for_uv(pip: list[str] | None) -> dict[str, str]:
    """Return the environment to run uv in; what the person set for uv itself wins over what pip says."""
    environment = dict(os.environ)
    configured = read_settings(pip)
    for name, variable, separator in _TRANSLATION:
        value = configured.get(name)
        if value:
            environment.setdefault(variable, value if separator is None else separator.join(value.split()))
    environment.setdefault("UV_SYSTEM_CERTS", "1")
    environment.setdefault("UV_PYTHON_DOWNLOADS", "never")
    # pip takes the best file from all indexes alike; so must uv. The hashes say which file it has to be.
    environment.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
    if configured.get("keyring-provider") == "subprocess":
        environment.setdefault("UV_KEYRING_PROVIDER", "subprocess")
    return environment


def read_settings(pip: list[str] | None) -> dict[str, str]:
    """Return pip's settings by name: its files, overlaid by the `install` section, overlaid by PIP_* variables."""
    settings: dict[str, str] = {}
    if pip is not None:
        listed = subprocess.run(
            [*pip, "config", "list"], capture_output=True, text=True, stdin=subprocess.DEVNULL
        )
        for section in ("global.", "install."):
            for line in listed.stdout.splitlines():
                key, _, value = line.partition("=")
                if key.startswith(section):
                    settings[key.removeprefix(section)] = _unquoted(value)
    for key, value in os.environ.items():
        if key.startswith("PIP_"):
            settings[key.removeprefix("PIP_").lower().replace("_", "-")] = value
    return settings


def _unquoted(value: str) -> str:
    try:
        return str(ast.literal_eval(value))
    except (SyntaxError, ValueError):
        return value
