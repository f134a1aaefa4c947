"""`python -m payments.sandbox`: run the sandbox gateway until SIGTERM or Ctrl-C. All it needs comes from the environment."""

from __future__ import annotations

import os

from orchestration.providers.sandbox import SandboxServer, ledger_file, required, serve
from payments.sandbox.bank import Bank
from payments.sandbox.ledger import Ledger

MIN_SECRET_LENGTH = 24
"""Characters. Shorter ones can be guessed."""


def build() -> SandboxServer:
    """Make the gateway that the environment describes."""
    port = int(required("ORDERLY_GATEWAY_PORT"))
    path = ledger_file("ORDERLY_GATEWAY_LEDGER")
    secret = required("ORDERLY_GATEWAY_SECRET")
    days = float(os.environ.get("ORDERLY_GATEWAY_AUTHORIZATION_DAYS", "7"))
    hang = float(os.environ.get("ORDERLY_GATEWAY_HANG_SECONDS", "20"))
    if len(secret) < MIN_SECRET_LENGTH:
        raise ValueError(f"ORDERLY_GATEWAY_SECRET: give it at least {MIN_SECRET_LENGTH} characters")
    return SandboxServer(port, Bank(Ledger(path), authorization_days=days), api_key=secret, hang_seconds=hang)


if __name__ == "__main__":
    raise SystemExit(serve("gateway", build))
