"""`python -m payments.sandbox`: run the sandbox gateway until SIGTERM or Ctrl-C. All it needs comes from the environment."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

from payments.sandbox.bank import Bank
from payments.sandbox.ledger import Ledger
from payments.sandbox.server import GatewayServer

MIN_SECRET_LENGTH = 24
"""Characters. Shorter ones can be guessed."""


def main() -> int:
    """Serve; 0 after an orderly end, 2 when it cannot start (with a sentence on stderr that says why)."""
    try:
        port = int(_required("ORDERLY_GATEWAY_PORT"))
        path = Path(_required("ORDERLY_GATEWAY_LEDGER"))
        secret = _required("ORDERLY_GATEWAY_SECRET")
        days = float(os.environ.get("ORDERLY_GATEWAY_AUTHORIZATION_DAYS", "7"))
        hang = float(os.environ.get("ORDERLY_GATEWAY_HANG_SECONDS", "20"))
        if len(secret) < MIN_SECRET_LENGTH:
            raise ValueError(f"ORDERLY_GATEWAY_SECRET: give it at least {MIN_SECRET_LENGTH} characters")
        path.parent.mkdir(parents=True, exist_ok=True)
        ledger = Ledger(path)
        server = GatewayServer(port, Bank(ledger, authorization_days=days), secret=secret, hang_seconds=hang)
    except (ValueError, OSError, OverflowError) as error:
        sys.stderr.write(f"The sandbox gateway cannot start: {error}\n")
        return 2
    signal.signal(signal.SIGTERM, lambda *_: _stop(server))
    signal.signal(signal.SIGINT, lambda *_: _stop(server))
    sys.stdout.write(f"sandbox gateway listening on {server.url}\n")
    sys.stdout.flush()
    server.serve_forever(poll_interval=0.1)
    server.server_close()
    ledger.close()
    return 0


def _stop(server: GatewayServer) -> None:
    server.stopping.set()
    # shutdown() waits for serve_forever, which runs in this very thread.
    threading.Thread(target=server.shutdown).start()


def _required(name: str) -> str:
    file = os.environ.get(f"{name}_FILE", "")
    value = Path(file).read_text().strip() if file else os.environ.get(name, "")
    if not value:
        raise ValueError(f"set {name} in the environment, or {name}_FILE")
    return value


if __name__ == "__main__":
    raise SystemExit(main())
