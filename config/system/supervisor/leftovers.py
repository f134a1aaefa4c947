"""Ends what a killed supervisor left running.

Only a process that carries the run's own random id in its environment is touched, so never one that merely got its number.
"""

from __future__ import annotations

import contextlib

import psutil

RUN_ID = "ORDERLY_RUN_ID"


def of_run(run_id: str) -> list[psutil.Process]:
    """Return the living processes of a run, ourselves excepted."""
    found = []
    for process in psutil.process_iter():
        # One that ends while we look, or belongs to somebody else, is none of ours.
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(RUN_ID) == run_id and process.pid != psutil.Process().pid:
                found.append(process)
    return found


def end_leftovers(run_id: str, *, seconds: float) -> int:
    """End the processes of `run_id`, asking first where `seconds` allow it; return how many there were."""
    found = of_run(run_id)
    if seconds:
        for process in found:
            with contextlib.suppress(psutil.Error):
                process.terminate()
        psutil.wait_procs(found, timeout=seconds)
    for process in of_run(run_id):
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(found, timeout=2)
    return len(found)
