"""Makes the environment that runs DBOS, on first use: Orderly itself does not need it, and must not import it.

Invariant: the stamp is written last, so an environment that was interrupted while being made is made again. One
process makes it, whoever else starts meanwhile waits for the lock.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import sys
import venv
from pathlib import Path

from config.boot.install import install
from config.boot.paths import PROJECT, REQUIREMENTS
from config.boot.progress import Refusal, say

_FOLDER = PROJECT / ".venv-bench"
_REQUIRED = REQUIREMENTS / "bench.txt"


def dbos_python() -> Path:
    """The interpreter that has DBOS, made where there is none.

    Raises:
        Refusal: it cannot be installed; the text says why, and how to go on without.
    """
    stamp = _FOLDER / "orderly-stamp"
    wanted = f"{sys.version} {hashlib.sha256(_REQUIRED.read_bytes()).hexdigest()}"
    python = _FOLDER / "bin" / "python"
    with _FOLDER.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if python.exists() and stamp.exists() and stamp.read_text() == wanted:
            return python
        say("making an environment for DBOS, which only this command needs")
        shutil.rmtree(_FOLDER, ignore_errors=True)
        venv.EnvBuilder(symlinks=True, with_pip=False).create(_FOLDER)
        try:
            install(files=[_REQUIRED], python=python)
        except Refusal as refusal:
            raise Refusal(f"DBOS is missing: {refusal}\nTo measure without it: --without dbos") from refusal
        stamp.write_text(wanted)
    return python
