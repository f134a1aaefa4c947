"""Who does it: the row of each step, in the transaction that the engine records the step in."""

from __future__ import annotations

from django.db import connection

from orchestration import StepContext
from orchestration.participant import performs
from tests.bench.shapes import INSERT
from tests.bench.shop import sagas


@performs(sagas.accept)
def accept(command: sagas.Parcel, context: StepContext) -> None:
    """Write its row."""
    _write(command, "accept")


@performs(sagas.check)
def check(command: sagas.Parcel, context: StepContext) -> None:
    """Write its row."""
    _write(command, "check")


@performs(sagas.charge)
def charge(command: sagas.Parcel, context: StepContext) -> None:
    """Write its row."""
    _write(command, "charge")


@performs(sagas.reserve)
def reserve(command: sagas.Parcel, context: StepContext) -> None:
    """Write its row."""
    _write(command, "reserve")


@performs(sagas.pack)
def pack(command: sagas.Parcel, context: StepContext) -> None:
    """Write its row."""
    _write(command, "pack")


@performs(sagas.tell)
def tell(command: sagas.Parcel, context: StepContext) -> None:
    """Write its row."""
    _write(command, "tell")


def _write(command: sagas.Parcel, step: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(INSERT, [command.parcel, step])
