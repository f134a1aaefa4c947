"""Starts sagas of Orderly's engine, each in a transaction of its own as a request would; the relay of this process sends them."""

from __future__ import annotations

import django

from tests.bench.clients.observing import Observer
from tests.bench.clients.serving import serve

_ENDED = """
SELECT count(*), extract(epoch FROM max(ended_at))::float8 FROM orchestration_saga
 WHERE business_key LIKE %s AND state = 'completed'
"""


class Ours:
    """The engine, carried by whatever worker there is."""

    def __init__(self) -> None:
        django.setup()
        self._observer = Observer()
        self.now = self._observer.now

    def start(self, shape: str, saga: str) -> None:
        """Store one saga."""
        from django.db import transaction

        from orchestration.services import start_saga
        from tests.bench.shop.sagas import DEFINITIONS, Parcel

        with transaction.atomic():
            start_saga(DEFINITIONS[shape], input=Parcel(parcel=saga), business_key=saga)

    def wait(self, name: str, sagas: int) -> float:
        """Wait until all are completed."""
        return self._observer.wait(_ENDED, name, sagas)


if __name__ == "__main__":
    serve(Ours())
