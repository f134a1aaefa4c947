"""Has a worker of a single process profile itself, from when it is ready until it is told to end.

Only where the variable is set; without it nothing is changed.
"""

from __future__ import annotations

import cProfile
import os
from typing import Any

from celery.signals import worker_ready, worker_shutdown

PROFILE_INTO = "ORDERLY_BENCH_PROFILE_INTO"


def profile_if_asked() -> None:
    """Profile this worker's main thread, in which the pool `solo` runs its tasks; not its start, which imports."""
    file = os.environ.get(PROFILE_INTO)
    if not file:
        return
    profiler = cProfile.Profile()

    def begin(**_: Any) -> None:
        profiler.enable()

    def end(**_: Any) -> None:
        profiler.disable()
        profiler.dump_stats(f"{file}.new")
        os.replace(f"{file}.new", file)  # whoever waits for it sees all of it

    worker_ready.connect(begin, weak=False)
    worker_shutdown.connect(end, weak=False)
