"""The stage of the undo scenarios carried by hand: a saga of the chain, and workers that stand still in the middle of a step."""

from __future__ import annotations

from typing import Any

from orchestration.crash.points import listening
from orchestration.testing import SagaRun
from tests.durability.chain import Go, provider, straight
from tests.durability.processes import Fate, Processes


def start(definition: Any = straight, **faults: Any) -> SagaRun:
    return SagaRun(definition, Go(), **faults)


def freeze(run: SagaRun, step: str, point: str = "before effect") -> Processes:
    """Deliver until a step's worker stands still in the middle of it."""
    processes = Processes(run.transport)
    provider.reach = processes.reach_in_provider
    fate = Fate("freeze", point, step=step)
    with listening(processes.reach):
        for _ in range(20):
            if not processes.run(run.carry_one, fate):
                return processes
    raise AssertionError(f"{step} never began")


def wake(processes: Processes) -> None:
    with listening(processes.reach):
        processes.wake(0)
