"""A flow whose step keeps more memory each time, for real workers only."""

from __future__ import annotations

import os

import psutil

from orchestration import Message, StepContext, local, nothing, saga, step
from orchestration.participant import performs

MEGABYTE = 1024 * 1024
LEAKED = 40
"""Megabytes that each delivery keeps."""


class Leak(Message):
    number: int


class Grown(Message):
    """How large which process was, in megabytes."""

    process: int
    megabytes: int


leak = local("leaking.leak", takes=Leak, gives=Grown)
leaks = saga("leaking.leaks", version=1, input=Leak, flow=step(leak, undo=nothing("it is gone")))

_kept: list[bytearray] = []


@performs(leak)
def do_leak(command: Leak, context: StepContext) -> Grown:
    _kept.append(bytearray(os.urandom(LEAKED * MEGABYTE)))
    return Grown(process=os.getpid(), megabytes=psutil.Process().memory_info().rss // MEGABYTE)
