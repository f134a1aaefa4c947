"""CPU seconds that process trees have used, those included that they have already buried."""

from __future__ import annotations

import contextlib

import psutil


def cpu_seconds(pid: int | None) -> float | None:
    """User and system time of a process and all it has started; None for one that is not on this machine.

    A server ends the process of each connection that is closed: those count through the parent that waited for them.
    """
    if pid is None:
        return None
    try:
        root = psutil.Process(pid)
        processes = [root, *root.children(recursive=True)]
    except psutil.Error:
        return None
    total = 0.0
    for process in processes:
        with contextlib.suppress(psutil.Error):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total
