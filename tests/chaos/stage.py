"""The system that is put to the test: its servers, its programs, and who they are at this moment.

Servers and programs are tied to the thread that starts them, so only the main thread starts any: it tends them, and does
what other threads ask it for.
"""

from __future__ import annotations

import contextlib
import os
import queue
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

import psutil
from django.conf import settings
from django.core.management import call_command

from config.system.boot.paths import PROJECT
from config.system.servers.ports import LOOPBACK
from config.system.supervisor.leftovers import RUN_ID, end_leftovers, of_run
from config.system.supervisor.programs import Places, application, services
from orders.models import Product
from shipping.models import Stock
from shipping.restocking import restock_products
from tests.apart import Apart
from tests.chaos.orders import Shelf
from tests.crash_matrix.keeper import Keeper

CATALOG = PROJECT / "orders" / "fixtures" / "northwind" / "catalog.json"
PLENTY = 50_000
"""Units of each product that is in stock: no order of a run is short by chance."""
PROCESSES = {
    "ORDERLY_WORKERS": "2",
    "ORDERLY_WORKER_PROCESSES": "2",
    "ORDERLY_WEB_PROCESSES": "2",
    # Customers here come back at once after each fault, all from one address: a refusal would tell of that, and of no outage.
    "ORDERLY_THROTTLING": "off",
}
READY_WITHIN = 120.0

T = TypeVar("T")


class Stage:
    """Everything that runs, with the default leases. A context manager: whatever was started ends with the block."""

    def __init__(self, apart: Apart) -> None:
        self.folder, self.servers = apart.folder, apart.servers
        self.web_url = os.environ["ORDERLY_WEB_URL"]
        self._run_id = uuid.uuid4().hex
        self.keeper = Keeper({RUN_ID: self._run_id}, self.folder.run)
        self._asked: queue.SimpleQueue[tuple[Callable[[], object], Future[object]]] = queue.SimpleQueue()
        self._over = threading.Event()
        self.shelf: Shelf

    def __enter__(self) -> Stage:
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def tend(self, seconds: float) -> None:
        """In the main thread, for a while: start again what has died, and do what other threads have asked for."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            with contextlib.suppress(queue.Empty):
                act, future = self._asked.get(timeout=min(left, 0.05))
                try:
                    future.set_result(act())
                except BaseException as error:  # whoever asked is told
                    future.set_exception(error)
            self.keeper.tend()

    def in_main_thread(self, act: Callable[[], T], *, seconds: float = 90) -> T:
        """Have the main thread do something, and return what it returns.

        Raises:
            TimeoutError: it did not come to it in time, or the run is over.
        """
        future: Future[object] = Future()
        self._asked.put((act, future))
        deadline = time.monotonic() + seconds
        while not future.done():
            if self._over.wait(0.05) or time.monotonic() > deadline:
                raise TimeoutError("the main thread has not answered")
        return future.result()  # type: ignore[return-value]  # what `act` has returned

    @property
    def broker(self) -> str:
        """The broker's address for whoever may empty it and ask it about itself."""
        valkey, at_work = self.servers.valkey, str(settings.CELERY_BROKER_URL)
        return valkey.admin_url(0) if valkey is not None and valkey.url(0) == at_work else at_work

    def resume_everybody(self) -> None:
        """Wake whoever is frozen."""
        for process in of_run(self._run_id):
            with contextlib.suppress(psutil.Error):
                process.resume()

    def _start(self) -> None:
        call_command("migrate", interactive=False, verbosity=0)
        with open(os.devnull, "w") as nowhere:
            call_command("import_catalog", str(CATALOG), stdout=nowhere)
        self.shelf = _fill_shelf()
        ports = {name: int(os.environ[f"ORDERLY_{name.upper()}_PORT"]) for name in ("gateway", "carrier")}
        places = Places(
            host=LOOPBACK, port=int(os.environ["ORDERLY_PORT"]), flower_port=0,
            gateway_port=ports["gateway"], carrier_port=ports["carrier"],
        )  # fmt: skip
        os.environ |= PROCESSES
        outside = [program for program in services(places, "") if program.role in ports]
        self.keeper.start([*outside, *application(places, self.folder)])
        self.keeper.wait_until_ready(seconds=READY_WITHIN)

    def _stop(self) -> None:
        self._over.set()
        self.resume_everybody()
        self.keeper.stop()
        end_leftovers(self._run_id, seconds=0)


def _fill_shelf() -> Shelf:
    """Much of everything that is in stock; what is sold out, or was given up, stays so."""
    discontinued = set(Product.objects.filter(discontinued=True).values_list("sku", flat=True))
    in_stock = dict(Stock.objects.order_by("sku").values_list("sku", "on_hand"))
    plenty = tuple(sku for sku, units in in_stock.items() if units and sku not in discontinued)
    restock_products(units=dict.fromkeys(plenty, PLENTY))
    return Shelf(
        plenty=plenty,
        empty=next(sku for sku, units in in_stock.items() if not units and sku not in discontinued),
        discontinued=next(sku for sku, units in in_stock.items() if not units and sku in discontinued),
    )
