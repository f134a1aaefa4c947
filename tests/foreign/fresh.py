"""Fresh environments that hold the wheel and what a project installs beside it, and nothing of this repository."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from config.system.boot.install import find_pip
from config.system.boot.pip_settings import settings_for_uv

ROOT = Path(__file__).resolve().parents[2]
DISTRIBUTION = "django-orderly"
KNOWN = ("3.11", "3.12", "3.13")
"""Versions of Python that the engine is tried with, the oldest first."""


def found_pythons() -> dict[str, Path]:
    """The interpreters of this machine, by version: pyenv's, and those on the PATH."""
    found = {}
    for version in KNOWN:
        own = sorted(
            Path(os.environ.get("PYENV_ROOT", "~/.pyenv"))
            .expanduser()
            .glob(f"versions/{version}.*/bin/python")
        )
        if sys.version.startswith(f"{version}."):
            found[version] = Path(sys.executable)
        elif own:
            found[version] = own[-1]
        elif (path := shutil.which(f"python{version}")) is not None and "shims" not in Path(path).parts:
            found[version] = Path(path)
    return found


def newest_python() -> Path:
    """The newest of them."""
    return list(found_pythons().values())[-1]


def project_table() -> dict[str, Any]:
    """What `pyproject.toml` says of the distribution."""
    table: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return table


def declared(extra: str = "") -> list[str]:
    """The requirements of the distribution, or those of an extra."""
    table = project_table()
    found: list[str] = table["optional-dependencies"][extra] if extra else table["dependencies"]
    return found


@functools.cache
def wheel() -> Path:
    """The wheel of this checkout, built once for a run."""
    folder = Path(tempfile.mkdtemp(prefix="orderly-wheel-"))
    _uv("build", "--quiet", "--wheel", "--out-dir", str(folder), str(ROOT))
    (built,) = folder.glob("*.whl")
    return built


class Environment:
    """A virtual environment of its own."""

    def __init__(self, folder: Path, base: Path) -> None:
        self.folder, self.python = folder, folder / "bin" / "python"
        _uv("venv", "--quiet", "--python", str(base), str(folder))

    def install(self, *requirements: str, resolution: str = "highest") -> None:
        """Install requirements, as one resolution."""
        chosen = ["--resolution", resolution, *requirements]
        _uv("pip", "install", "--quiet", "--python", str(self.python), *chosen)

    def install_engine(self, *beside: str, extras: Sequence[str] = (), resolution: str = "highest") -> None:
        """Install the wheel with some of its extras, and what the project wants beside it."""
        named = f"{DISTRIBUTION}[{','.join(extras)}]" if extras else DISTRIBUTION
        self.install(f"{named} @ {wheel().as_uri()}", *beside, resolution=resolution)

    def installed(self) -> dict[str, str]:
        """The versions of what is in it, by name."""
        listed = _uv("pip", "freeze", "--python", str(self.python)).splitlines()
        return dict(re.split(r"==| @ ", line, maxsplit=1) for line in listed)

    def finds(self, *modules: str, at: Path) -> dict[str, str]:
        """Where modules are found by a program that runs in a folder; those that are found nowhere are left out."""
        told = subprocess.run(
            [self.python, "-c", _LOOK, *modules], cwd=at, capture_output=True, text=True, check=True
        ).stdout
        return dict(line.split("\t") for line in told.splitlines())


_LOOK = """
import sys
from importlib.util import find_spec
for name in sys.argv[1:]:
    if (found := find_spec(name)) is not None:
        print(name, found.origin, sep="\\t")
"""


def _uv(*arguments: str) -> str:
    own = Path(sys.prefix) / "bin" / "uv"
    uv = str(own) if own.exists() else shutil.which("uv")
    assert uv, "uv is not installed"
    # Indexes, certificates and proxies are those that pip is configured with.
    environment = {
        name: value
        for name, value in settings_for_uv(find_pip(Path(sys.executable))).items()
        if name not in ("PYTHONPATH", "VIRTUAL_ENV")
    }
    ended = subprocess.run(
        [uv, *arguments],
        env=environment,
        cwd=tempfile.gettempdir(),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    return ended.stdout
