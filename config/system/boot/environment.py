"""Makes `.venv` hold the locked dependencies and has the command go on in it.

Invariant: the stamp in `.venv` is written last, so an environment that was interrupted while being made is made again. One
process makes it, whoever else starts meanwhile waits for the lock.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import sys
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config.system.boot.install import install
from config.system.boot.paths import PROJECT, REQUIREMENTS, VENV
from config.system.boot.progress import Refusal, say

PYTHON = VENV / "bin" / "python"
_STAMP = VENV / "orderly-stamp.json"
_LOCK = PROJECT / ".venv.lock"


def ensure_environment(*, with_tests: bool, arguments: list[str]) -> None:
    """Return inside an environment with the dependencies; replaces this process by one in `.venv` where it is not yet.

    `ORDERLY_SKIP_SETUP=1` keeps the interpreter as it is (an image that installed the requirement files itself).
    """
    if os.environ.get("ORDERLY_SKIP_SETUP") == "1":
        return
    wanted = _wanted(with_tests)
    if not _is_current(wanted):
        with _alone():
            if not _is_current(wanted):  # whoever held the lock before us may have made it
                _make(wanted)
    if Path(sys.prefix).resolve() != VENV.resolve():
        sys.stdout.flush()
        sys.stderr.flush()
        os.execv(PYTHON, [str(PYTHON), str(PROJECT / "manage.py"), *arguments])


def _wanted(with_tests: bool) -> dict[str, str]:
    """Return what the stamp must say: each requirement file needed, by the hash of its content."""
    names = ["uv", "base", "dev"] if with_tests else ["uv", "base"]
    return {name: hashlib.sha256((REQUIREMENTS / f"{name}.txt").read_bytes()).hexdigest() for name in names}


def _read_stamp() -> dict[str, str]:
    try:
        stamp = json.loads(_STAMP.read_text())
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def _is_current(wanted: dict[str, str]) -> bool:
    stamp = _read_stamp()
    return _is_sound(stamp) and wanted.items() <= stamp.items()


def _is_sound(stamp: dict[str, str]) -> bool:
    # An environment dies when the Python it was made from is removed (PYTHON is then a dangling link) or replaced by
    # another version (its packages are then out of sight). One that was moved starts, but its scripts name the old place.
    return PYTHON.exists() and _interpreter_and_place().items() <= stamp.items()


def _interpreter_and_place() -> dict[str, str]:
    return {"python": str(PYTHON.resolve()), "place": str(VENV)}


def _make(wanted: dict[str, str]) -> None:
    began = time.monotonic()
    stamp = _read_stamp()
    if not _is_sound(stamp):
        say(f"making the environment {VENV} (Python {sys.version.split()[0]})")
        if VENV.exists():
            if not (VENV / "pyvenv.cfg").exists():
                raise Refusal(f"{VENV} is in the way and is not a Python environment; move it and try again.")
            shutil.rmtree(VENV)
        # Without pip: `ensurepip` is missing on some systems, and the installer brings itself.
        venv.EnvBuilder(symlinks=True, with_pip=False).create(VENV)
        stamp = {}
    _STAMP.unlink(missing_ok=True)
    files = [REQUIREMENTS / f"{name}.txt" for name in wanted if name != "uv"]
    how = install(files=files, python=PYTHON)
    _STAMP.write_text(json.dumps({**stamp, **wanted, **_interpreter_and_place()}))
    say(f"dependencies installed with {how} in {time.monotonic() - began:.1f} s")


@contextmanager
def _alone() -> Iterator[None]:
    try:
        lock = _LOCK.open("w")
    except OSError as error:
        raise Refusal(f"cannot write to {PROJECT}, where the environment .venv belongs: {error}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another command is making the environment; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
