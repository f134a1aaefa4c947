"""A saga of the chain that real workers carry: started, armed and watched by a test, its effects in a ledger of their own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.db import transaction

from orchestration.core.definition.saga_definition import SagaDefinition
from orchestration.crash.points import Armed, arm
from orchestration.engine.messages.transport import use_transport
from orchestration.models import Saga
from orchestration.services import start_saga
from orchestration.testing.run import RESTING
from orchestration.testing.transport import HandTransport
from orchestration.verification import run_invariants
from tests.bootstrap.running_system import wait_until
from tests.durability.chain import Go, straight
from tests.durability.ledger import Ledger
from tests.orchestration.worker_process import WorkerProcess, worker_process

QUEUES = ("chain", "orchestration")
SHORT = {
    "ORDERLY_LEASE_SECONDS": "1",
    "ORDERLY_RESEND_AFTER_SECONDS": "2",
    "ORDERLY_HEARTBEAT_SECONDS": "0.2",
}
"""What takes a quarter of a minute at work takes a second here."""


class ChainRun:
    """One saga of the chain, its provider's ledger, and the folder in which its crash is armed."""

    def __init__(self, folder: Path) -> None:
        self.ledger = Ledger(folder / "ledger.sqlite3")
        self._charges = folder / "charges"
        self._charges.mkdir()
        self._evidence = folder / "evidence"
        self.saga: Saga

    def settings(self) -> dict[str, str]:
        """The environment of its workers."""
        return {**SHORT, "CHAIN_LEDGER": str(self.ledger.file), "ORDERLY_CRASH_FOLDER": str(self._charges)}

    def start(self, definition: SagaDefinition = straight, *, armed: Armed | None = None) -> None:
        """Start the saga, armed before anybody can know it. A worker's heartbeat sends it: no relay of this process does."""
        with use_transport(HandTransport()), transaction.atomic():
            self.saga = start_saga(definition, input=Go(), business_key=str(uuid4()))
            if armed is not None:
                arm(self._charges, [self.saga.id], armed)

    def armed(self, point: str, mode: str, direction: str, step: str) -> Armed:
        """A crash at one step of this saga."""
        return Armed(point, mode, direction, step, str(self._evidence), token="chain")

    def evidence(self) -> dict[str, Any]:
        """What the process that met the crash has left behind; waits for it."""
        wait_until(self._evidence.exists, "somebody has come to the armed point", 30)
        found: dict[str, Any] = json.loads(self._evidence.read_text())
        return found

    def until(self, step: str, direction: str) -> None:
        """Wait until the provider of a step has been called."""
        wait_until(lambda: self.ledger.calls(step, direction) > 0, f"{step} ({direction}) is called", 30)

    def until_rest(self, seconds: float = 60) -> str:
        """Wait until the saga rests; its state."""
        wait_until(lambda: self.state in RESTING, "the saga rests", seconds)
        return self.state

    @property
    def state(self) -> str:
        """Where it stands."""
        return Saga.objects.get(id=self.saga.id).state

    def violations(self) -> list[str]:
        """What the ordinary checks find."""
        return [f"{result.name}: {text}" for result in run_invariants() for text in result.violations]


@contextmanager
def chain_workers(
    environment: Mapping[str, str], run: ChainRun, *, number: int = 1, processes: int = 2
) -> Iterator[list[WorkerProcess]]:
    """So many workers, each of so many pool processes, that perform the chain for this run."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(
                worker_process(
                    {**environment}, "-c", str(processes), "-I", "tests.durability.chain_worker",
                    "-n", f"chain{each}@%h", queues=QUEUES, **run.settings(),
                )
            )
            for each in range(number)
        ]  # fmt: skip
