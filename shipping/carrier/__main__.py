"""`python -m shipping.carrier`: run the sandbox carrier until SIGTERM or Ctrl-C. All it needs comes from the environment."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

from shipping.carrier.desk import Desk
from shipping.carrier.dispatcher import Dispatcher
from shipping.carrier.ledger import Ledger
from shipping.carrier.server import CarrierServer
from shipping.standard_webhooks import api_key, read_secrets


def main() -> int:
    """Serve; 0 after an orderly end, 2 when it cannot start (with a sentence on stderr that says why)."""
    try:
        port = int(_required("ORDERLY_CARRIER_PORT"))
        path = Path(_required("ORDERLY_CARRIER_LEDGER"))
        seconds = float(os.environ.get("ORDERLY_CARRIER_SECONDS", "2"))
        hang = float(os.environ.get("ORDERLY_CARRIER_HANG_SECONDS", "20"))
        secret = read_secrets(_required("ORDERLY_CARRIER_SECRET"))[0]
        web_url = _required("ORDERLY_WEB_URL")
        path.parent.mkdir(parents=True, exist_ok=True)
        ledger = Ledger(path)
        dispatcher = Dispatcher(ledger, web_url=web_url, secret=secret)
        desk = Desk(ledger, seconds=seconds, wake=dispatcher.wake)
        server = CarrierServer(port, desk, api_key=api_key(secret), hang_seconds=hang)
    except (ValueError, OSError, OverflowError) as error:
        sys.stderr.write(f"The sandbox carrier cannot start: {error}\n")
        return 2
    signal.signal(signal.SIGTERM, lambda *_: _stop(server))
    signal.signal(signal.SIGINT, lambda *_: _stop(server))
    dispatcher.start()
    sys.stdout.write(f"sandbox carrier listening on {server.url}\n")
    sys.stdout.flush()
    server.serve_forever(poll_interval=0.1)
    server.server_close()
    dispatcher.stop()
    # An attempt that is under way may use up its whole time; what it does not finish is due again after the restart.
    dispatcher.join(timeout=2.0)
    if not dispatcher.is_alive():
        ledger.close()
    return 0


def _stop(server: CarrierServer) -> None:
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
