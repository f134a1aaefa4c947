"""Installs the hashed requirement files into `.venv`: with uv where it can be had, else with pip.

Whatever pip is configured with (mirror, extra indexes, find-links, certificates, proxy) is honoured by both. No file is
installed whose hash is not in the lock.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

from config.system.boot.paths import REQUIREMENTS, VENV
from config.system.boot.pip_settings import settings_for_uv
from config.system.boot.progress import Refusal, say

_UV = VENV / "bin" / "uv"
_DISTRIBUTED_PIP = ("/usr/share/python-wheels", "/usr/share/python3-wheels", "/usr/lib/python3/wheels")


class InstallFailed(Exception):
    """An installer ended with an error; the text is what it said."""


def install(*, files: list[Path], python: Path) -> str:
    """Install `files` for `python` and return the installer's name; raises Refusal, saying what to do."""
    pip = find_pip(python)
    if pip is None and shutil.which("uv") is None:
        raise Refusal(
            "neither pip nor uv was found for this Python, so nothing can be installed. Install one of them "
            "(on Debian and Ubuntu: apt install python3-pip), then try again."
        )
    arguments = ["--require-hashes", *[part for file in files for part in ("-r", str(file))]]
    uv = _find_uv(pip, python)
    if uv is not None:
        say("installing the dependencies (uv)")
        try:
            # Compiled now, once: half a dozen processes would otherwise each do it at their first start.
            _call(
                [uv, "pip", "install", "--python", str(python), "--compile-bytecode", *arguments],
                settings_for_uv(pip),
            )
        except InstallFailed as error:
            if pip is None:
                raise Refusal(f"uv could not install the dependencies:\n{error}") from error
            say("uv could not install them, going on with pip: " + str(error).strip().splitlines()[-1])
        else:
            return "uv"
    assert pip is not None  # noqa: S101 - no uv and no pip was refused above
    say("installing the dependencies (pip; this takes half a minute)")
    try:
        _call([*pip, "install", "--quiet", *arguments], _for_pip())
    except InstallFailed as error:
        raise Refusal(f"the dependencies could not be installed:\n{error}") from error
    return "pip"


def find_pip(python: Path) -> list[str] | None:
    """Return a command that is pip installing into `python`'s environment, from whatever this machine has, or None."""
    for candidate in _candidates(python):
        try:
            _call([*candidate, "--version"], _for_pip())
        except InstallFailed:
            continue
        return candidate
    return None


def _candidates(python: Path) -> list[list[str]]:
    into = ["--python", str(python)]
    found: list[list[str]] = []
    if importlib.util.find_spec("pip"):
        found.append([sys.executable, "-m", "pip", *into])
    found += [[str(python), str(wheel / "pip")] for wheel in _pip_wheels()]
    # Every pip on the PATH, not the first alone, which may belong to a Python that lost its parts.
    for folder in os.get_exec_path():
        found += [[path, *into] for name in ("pip3", "pip") if (path := shutil.which(name, path=folder))]
    return found


def _pip_wheels() -> list[Path]:
    """Return wheels of pip that came with this Python; a wheel can be run as it is."""
    folders = [Path(folder) for folder in _DISTRIBUTED_PIP]
    if spec := importlib.util.find_spec("ensurepip"):
        folders.insert(0, Path(str(spec.origin)).parent / "_bundled")
    return [wheel for folder in folders for wheel in sorted(folder.glob("pip-*.whl"))]


def _find_uv(pip: list[str] | None, python: Path) -> str | None:
    """Return the locked uv, installed into the environment first where needed; else one on the PATH; else None."""
    if not _UV.exists() and pip is not None:
        say("installing the installer (uv)")
        try:
            _call(
                [
                    *pip,
                    "install",
                    "--quiet",
                    "--no-deps",
                    "--require-hashes",
                    "-r",
                    str(REQUIREMENTS / "uv.txt"),
                ],
                _for_pip(),
            )
        except InstallFailed as error:
            say("uv is not to be had here: " + str(error).strip().splitlines()[-1])
    return str(_UV) if _UV.exists() else shutil.which("uv")


def _for_pip() -> dict[str, str]:
    """Return the environment for pip: the person's own settings, less those that would install somewhere else."""
    return {
        **os.environ,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
        "PIP_REQUIRE_VIRTUALENV": "0",
        "PIP_USER": "0",
        "PIP_ROOT_USER_ACTION": "ignore",
    }


def _call(command: list[str], environment: dict[str, str]) -> None:
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        raise InstallFailed(done.stderr or done.stdout or f"exit status {done.returncode}")
