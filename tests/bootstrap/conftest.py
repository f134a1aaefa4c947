"""Data folders and running systems that are gone when a test ends, whatever it did."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.bootstrap.running_system import RunningSystem


@pytest.fixture(scope="module")
def data_folders() -> Iterator[Callable[[], Path]]:
    """Makes folders outside pytest's own temporary ones, which root closes to the servers' account."""
    made: list[Path] = []

    def make() -> Path:
        made.append(Path(tempfile.mkdtemp(prefix="orderly-boot-")))
        return made[-1]

    yield make
    for folder in made:
        shutil.rmtree(folder, ignore_errors=True)
        folder.with_name(folder.name + ".out").unlink(missing_ok=True)


@pytest.fixture(scope="module")
def start_system(data_folders: Callable[[], Path]) -> Iterator[Callable[..., RunningSystem]]:
    """Starts systems; those still running at the end are stopped."""
    systems: list[RunningSystem] = []

    def start(*options: str, folder: Path | None = None) -> RunningSystem:
        systems.append(RunningSystem(folder or data_folders(), *options))
        return systems[-1].wait_until_ready()

    yield start
    for system in systems:
        if system.process.poll() is None:
            system.stop()


@pytest.fixture(scope="module")
def system(start_system: Callable[..., RunningSystem]) -> RunningSystem:
    """One running system for the tests that leave it running."""
    return start_system()
