"""The sides: which worker each has, which client starts its sagas, and in which of its processes the work is done."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from config.system.supervisor.programs import CHECKED_ALREADY, Program
from tests.bench.dbos_environment import dbos_python
from tests.bench.profiled import PROFILE_INTO
from tests.bench.shapes import PROCESSES, QUEUES

RUN_AHEAD_SECONDS = 1.0
"""The time budget of the side that runs ahead."""

_SERVICES = sorted(set(QUEUES.values()))


@dataclass(frozen=True, slots=True)
class Side:
    """One way to run the same sagas."""

    name: str
    client: str
    """Module of the client."""
    python: Callable[[], Path] = lambda: Path(sys.executable)
    """The interpreter that has what the client needs."""
    environment: dict[str, str] = field(default_factory=dict)
    """Of the worker and the client."""
    worker: tuple[str, ...] = ()
    """Arguments after `celery`; none where the client's own processes do the work."""
    worker_environment: dict[str, str] = field(default_factory=dict)

    def program(self, folder: Path, *, profile_into: Path | None = None) -> Program | None:
        """The worker, if this side has one.

        Args:
            folder: for the file that says it is ready.
            profile_into: work in a single process, and leave its profile here.
        """
        if not self.worker:
            return None
        ready = folder / f"{self.name}.ready"
        ready.unlink(missing_ok=True)
        pool = ["-P", "solo"] if profile_into else ["-P", "prefork", "-c", str(PROCESSES)]
        return Program(
            "worker",
            self.name,
            [sys.executable, "-m", "celery", *self.worker, *pool, "-l", "WARNING"],
            ready.exists,
            {
                **CHECKED_ALREADY,
                **self.environment,
                **self.worker_environment,
                **({PROFILE_INTO: str(profile_into)} if profile_into else {}),
                "ORDERLY_READY_FILE": str(ready),
                # What a killed pool process leaves behind goes with the run.
                "TMPDIR": str(folder),
                "PYTHONWARNINGS": "ignore:You're running the worker with superuser privileges",
            },
        )


_OURS = {
    "DJANGO_SETTINGS_MODULE": "tests.bench.settings",
    "ORDERLY_PREFETCH": "4",  # Celery's own default, and so that of bare canvas
}
_OUR_WORKER = (
    "-A", "config.celery", "--quiet", "worker", "-E", "-n", "ours@%h", "-Q", ",".join([*_SERVICES, "orchestration"]),
)  # fmt: skip

ALL = {
    side.name: side
    for side in (
        Side(
            "bare",
            "tests.bench.clients.bare",
            environment={"DJANGO_SETTINGS_MODULE": "tests.bench.bare_settings"},
            worker=(
                "-A", "tests.bench.bare", "--quiet", "worker", "-E", "-n", "bare@%h",
                "-Q", ",".join(f"bench-{service}" for service in _SERVICES),
            ),
        ),
        Side("distributed", "tests.bench.clients.ours", environment=_OURS, worker=_OUR_WORKER),
        Side(
            "run_ahead",
            "tests.bench.clients.ours",
            environment=_OURS,
            worker=_OUR_WORKER,
            worker_environment={"ORDERLY_RUN_AHEAD": str(RUN_AHEAD_SECONDS)},
        ),
        Side("dbos", "tests.bench.clients.dbos_workflows", python=dbos_python),
        Side("floor", "tests.bench.clients.floor"),
    )
}  # fmt: skip
