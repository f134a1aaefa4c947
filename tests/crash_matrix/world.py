"""The world of a run: database, broker, gateway, carrier, web server and workers, in a data folder that is thrown away.

Leases and waits for lost messages are short, so that what takes a quarter of a minute at work takes two seconds here.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
import uuid
from contextlib import closing
from dataclasses import dataclass

from django.core.management import call_command

from config.system.boot.paths import DataFolder
from config.system.servers.ports import LOOPBACK
from config.system.supervisor.leftovers import RUN_ID, end_leftovers
from config.system.supervisor.programs import Places, application, services
from tests.crash_matrix.keeper import Keeper

LEASE_SECONDS = 2.0
RESEND_AFTER_SECONDS = 2.0
HEARTBEAT_SECONDS = 0.25
CARRIER_SECONDS = 1.0
"""How long a parcel lies at the carrier's: time enough to make the wait for it run out."""
WORKERS = 3
CHILDREN = 6
"""Pool children of each worker: several may be frozen at once, and the rest still does the work."""
READY_WITHIN = 90.0


@dataclass(frozen=True, slots=True)
class Call:
    """One call that a provider noted in its own ledger."""

    key: str
    operation: str
    status: int
    made_effect: bool


class World:
    """Everything that runs. Use it as a context manager: whatever was started ends with the block."""

    def __init__(self, folder: DataFolder, *, products: int, stock: int) -> None:
        self.folder = folder
        self.charges = folder.run / "charges"
        self.charges.mkdir(mode=0o700)
        self.skus = [f"CM-{number:04}" for number in range(products)]
        self._stock = stock
        self._run_id = uuid.uuid4().hex
        self.web_url = os.environ["ORDERLY_WEB_URL"]
        self.environment = {
            RUN_ID: self._run_id,
            "ORDERLY_CRASH_FOLDER": str(self.charges),
            "ORDERLY_LEASE_SECONDS": str(LEASE_SECONDS),
            "ORDERLY_RESEND_AFTER_SECONDS": str(RESEND_AFTER_SECONDS),
            "ORDERLY_HEARTBEAT_SECONDS": str(HEARTBEAT_SECONDS),
            "ORDERLY_CARRIER_SECONDS": str(CARRIER_SECONDS),
        }
        self.keeper = Keeper(self.environment, folder.run)

    def __enter__(self) -> World:
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def calls(self, saga_id: uuid.UUID) -> list[Call]:
        """What the gateway and the carrier were asked on behalf of a saga, by their own ledgers."""
        found: list[Call] = []
        for service in ("gateway", "carrier"):
            path = self.folder.ledger(service)
            with closing(
                sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=5)
            ) as ledger:
                rows = ledger.execute(
                    "SELECT idempotency_key, operation, status, made_effect FROM calls"
                    " WHERE idempotency_key LIKE ? ORDER BY seq",
                    [f"{saga_id}/%"],
                )
                found += [Call(key, operation, status, bool(made)) for key, operation, status, made in rows]
        return found

    def refund_by_hand(self, order_id: str) -> str:
        """What a clerk of the gateway does where its machine refuses: give the money back. Returns the refund's id."""
        path = self.folder.ledger("gateway")
        refund = f"re_by_hand_{uuid.uuid4().hex[:12]}"
        with closing(sqlite3.connect(path, timeout=10, isolation_level=None)) as ledger:
            ledger.execute(
                "INSERT INTO effects (id, seq, at, idempotency_key, kind, order_id, authorization_id, capture_id,"
                " amount_minor, currency, card)"
                " SELECT ?, (SELECT max(seq) + 1 FROM effects), ?, ?, 'refund', order_id, authorization_id, id,"
                " amount_minor, currency, card FROM effects WHERE order_id = ? AND kind = 'capture'",
                [refund, time.time(), f"by-hand/{order_id}", order_id],
            )
        return refund

    def _start(self) -> None:
        call_command("migrate", interactive=False, verbosity=0)
        catalog = self.folder.root / "catalog.json"
        product = {
            "category": "Proofs", "quantity_per_unit": "1", "unit_price": "18.00", "currency": "USD",
            "units_in_stock": self._stock, "units_on_order": 0, "reorder_level": 0, "discontinued": False,
        }  # fmt: skip
        products = [{"sku": sku, "name": f"Product {sku}", **product} for sku in self.skus]
        catalog.write_text(json.dumps({"source": "made for this run", "products": products}))
        with open(os.devnull, "w") as nowhere:
            call_command("import_catalog", str(catalog), stdout=nowhere)
        ports = {name: int(os.environ[f"ORDERLY_{name.upper()}_PORT"]) for name in ("gateway", "carrier")}
        web = int(os.environ["ORDERLY_PORT"])
        places = Places(
            host=LOOPBACK, port=web, flower_port=0, gateway_port=ports["gateway"], carrier_port=ports["carrier"]
        )  # fmt: skip
        os.environ |= {
            "ORDERLY_WORKERS": str(WORKERS),
            "ORDERLY_WORKER_PROCESSES": str(CHILDREN),
            "ORDERLY_WEB_PROCESSES": "2",
        }
        outside = [each for each in services(places, "") if each.role in ports]
        self.keeper.start([*outside, *application(places, self.folder)])
        self.keeper.wait_until_ready(seconds=READY_WITHIN)

    def _stop(self) -> None:
        self.keeper.stop()
        end_leftovers(self._run_id, seconds=0)
