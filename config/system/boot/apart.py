"""Makes an environment apart from `.venv`, on first use: for what Orderly itself does not need, and must not import.

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

from config.system.boot.install import install
from config.system.boot.paths import PROJECT, REQUIREMENTS
from config.system.boot.progress import say


def environment_apart(name: str, *, told: str) -> Path:
    """The interpreter of the environment `.venv-NAME`, made from `requirements/NAME.txt` where there is none.

    Args:
        name: of the environment and of its requirements.
        told: what is said while it is made.

    Raises:
        Refusal: it cannot be installed.
    """
    folder, required = PROJECT / f".venv-{name}", REQUIREMENTS / f"{name}.txt"
    stamp = folder / "orderly-stamp"
    wanted = f"{sys.version} {hashlib.sha256(required.read_bytes()).hexdigest()}"
    python = folder / "bin" / "python"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if python.exists() and stamp.exists() and stamp.read_text() == wanted:
            return python
        say(told)
        shutil.rmtree(folder, ignore_errors=True)
        venv.EnvBuilder(symlinks=True, with_pip=False).create(folder)
        install(files=[required], python=python)
        stamp.write_text(wanted)
    return python
