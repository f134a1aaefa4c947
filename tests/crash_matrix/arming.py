"""Arming one crash for one order, and reading what came of it: the evidence and the trace of everybody who worked on it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestration.crash.points import Armed, arm
from tests.crash_matrix.table import Cell


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the process wrote down before it failed."""

    pid: int
    group: int
    point: str
    mode: str
    place: str
    at: float
    """Seconds since 1970."""
    backend: int | None = None
    """The server's end of the connection that was cut."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One arrival of one process at one point on behalf of the order."""

    at: float
    pid: int
    place: str
    point: str
    direction: str
    step: str
    committed: bool


class Charge:
    """One crash, armed once."""

    def __init__(self, folder: Path, cell: Cell, number: int) -> None:
        self.folder, self.cell = folder, cell
        self.token = f"{cell.name.replace(':', '-')}-{number}"
        """Names this crash in logs."""
        self._file = folder / f"{self.token}.evidence"

    def arm(self, *names: object) -> None:
        """From now on the first process that reaches the cell's point for the saga of these names fails."""
        site = self.cell.site
        armed = Armed(
            point=self.cell.point, mode=self.cell.mode, direction=site.direction, step=site.step, evidence=str(self._file),
            place=site.place, token=self.token,
        )  # fmt: skip
        arm(self.folder, names, armed)

    def evidence(self) -> Evidence | None:
        """What the process left behind; None as long as nobody has been there."""
        try:
            return Evidence(**json.loads(self._file.read_text()))
        except FileNotFoundError:
            return None

    def trace(self) -> list[Arrival]:
        """Everybody's arrivals since the order was armed, in their order."""
        try:
            lines = Path(f"{self._file}.trace").read_text().splitlines()
        except FileNotFoundError:
            return []
        read: list[dict[str, Any]] = [json.loads(line) for line in lines]
        return [Arrival(**line) for line in read]
