"""`python -m shipping.carrier`: run the sandbox carrier until SIGTERM or Ctrl-C. All it needs comes from the environment."""

from __future__ import annotations

import os

from orchestration.providers.sandbox import SandboxServer, ledger_file, required, serve
from shipping.carrier.desk import Desk
from shipping.carrier.dispatcher import Dispatcher
from shipping.carrier.ledger import Ledger
from shipping.standard_webhooks import api_key, read_secrets


def build() -> SandboxServer:
    """Make the carrier that the environment describes."""
    port = int(required("ORDERLY_CARRIER_PORT"))
    path = ledger_file("ORDERLY_CARRIER_LEDGER")
    seconds = float(os.environ.get("ORDERLY_CARRIER_SECONDS", "2"))
    hang = float(os.environ.get("ORDERLY_CARRIER_HANG_SECONDS", "20"))
    secret = read_secrets(required("ORDERLY_CARRIER_SECRET"))[0]
    ledger = Ledger(path)
    dispatcher = Dispatcher(ledger, web_url=required("ORDERLY_WEB_URL"), secret=secret)
    desk = Desk(ledger, seconds=seconds, dispatcher=dispatcher)
    return SandboxServer(port, desk, api_key=api_key(secret), hang_seconds=hang)


if __name__ == "__main__":
    raise SystemExit(serve("carrier", build))
