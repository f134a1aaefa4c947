"""How a batch is cut, and in which order the sides do its pieces."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from tests.bench import round as rounds
from tests.bench.round import measure, pieces


@pytest.mark.parametrize(
    ("sagas", "cut"),
    [(10, [10]), (149, [149]), (200, [100, 100]), (300, [100, 100, 100]), (301, [101, 100, 100])],
)
def test_the_pieces_are_about_equal_and_make_up_the_batch(sagas: int, cut: list[int]) -> None:
    assert pieces(sagas) == cut


class _Side:
    """A side that needs a second for ten sagas, and a tenth of its CPU for them; its database is on another machine."""

    def __init__(self, name: str, told: list[str]) -> None:
        self._name, self._told, self._awake, self._used = name, told, True, 0.0
        self.client = SimpleNamespace(singles=lambda shape, sagas: [0.01] * sagas)

    def freeze(self) -> None:
        self._awake = False

    @contextlib.contextmanager
    def thawed(self) -> Iterator[None]:
        self._awake = True
        yield
        self._awake = False

    def cpu(self) -> dict[str, float | None]:
        return {"worker": self._used, "database": None}

    def batch(self, shape: str, sagas: int) -> float:
        assert self._awake
        self._told.append(f"{self._name} {shape} {sagas}")
        self._used += sagas / 100
        return sagas / 10


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the sides were told to do."""
    told: list[str] = []

    @contextlib.contextmanager
    def turn(world: Any, side: Any) -> Iterator[_Side]:
        told.append(f"{side.name} starts")
        yield _Side(side.name, told)
        told.append(f"{side.name} ends")

    monkeypatch.setattr(rounds, "turn", turn)
    monkeypatch.setattr(rounds, "SETTLE_SECONDS", 0)
    return told


def _measured(*, side_by_side: bool) -> list[Any]:
    world: Any = SimpleNamespace(side_by_side=side_by_side)
    return list(measure(world, ["bare", "floor"], ["chain"], 200))


def test_side_by_side_they_take_turns_within_a_batch(told: list[str]) -> None:
    measured = _measured(side_by_side=True)
    assert told == [
        "bare starts", "bare chain 8", "floor starts", "floor chain 8", "bare chain 100", "floor chain 100", "floor chain 100",
        "bare chain 100", "floor ends", "bare ends",
    ]  # fmt: skip
    for (shape, side, taken), wanted in zip(measured, ("bare", "floor"), strict=True):
        assert (shape, side, taken.sagas_per_second, len(taken.latencies)) == ("chain", wanted, 10, 50)
        assert taken.cpu_ms == {"worker": pytest.approx(10), "database": None}


def test_on_a_broker_that_is_shared_one_side_comes_after_the_other(told: list[str]) -> None:
    assert [(side, taken.sagas_per_second) for _, side, taken in _measured(side_by_side=False)] == [
        ("bare", 10),
        ("floor", 10),
    ]
    assert told == [
        "bare starts", "bare chain 8", "bare chain 200", "bare ends", "floor starts", "floor chain 8", "floor chain 200", "floor ends",
    ]  # fmt: skip
