"""Figures of a side: taken once a round, told as a median with the least and the most. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

RATIOS = (("distributed", "bare"), ("run_ahead", "bare"), ("run_ahead", "dbos"))
"""Which side's throughput over which other's."""


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure of several rounds."""

    median: float
    min: float
    max: float

    def as_json(self) -> dict[str, float]:
        """Three numbers, with four digits that count."""
        return {"median": _short(self.median), "min": _short(self.min), "max": _short(self.max)}


@dataclass(slots=True)
class Round:
    """What one side did in one round with one shape."""

    sagas_per_second: float
    latencies: list[float]
    """Seconds of single sagas."""
    cpu_ms: dict[str, float | None]
    """Milliseconds per saga: worker, client, database, broker."""


@dataclass(slots=True)
class Counted:
    """Per saga, from the round that is for counting."""

    queries: float
    commits: float
    connections: float
    """To the database, opened."""
    messages: float
    published_bytes: float
    events: float
    event_bytes: float
    broker_bytes: float | None
    """Everything the broker and result server were sent; None where it does not say."""
    statements: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Taken:
    """All that was taken of one side and one shape."""

    rounds: list[Round] = field(default_factory=list)
    counted: Counted | None = None


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of all does not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def spread(values: Iterable[float]) -> Spread:
    """Median, least and most."""
    all_values = list(values)
    return Spread(statistics.median(all_values), min(all_values), max(all_values))


def ratio(over: Sequence[Round], under: Sequence[Round]) -> Spread:
    """How many times the throughput, round by round: within one the sides take turns."""
    return spread(
        one.sagas_per_second / other.sagas_per_second for one, other in zip(over, under, strict=True)
    )


def summary(taken: Taken) -> dict[str, Any]:
    """The figures of one side and one shape, for `--json`."""
    rounds = taken.rounds
    told: dict[str, Any] = {"sagas_per_second": spread(each.sagas_per_second for each in rounds).as_json()}
    for name, share in (("p50_ms", 0.5), ("p99_ms", 0.99)):
        told[name] = spread(1000 * percentile(each.latencies, share) for each in rounds).as_json()
    told["cpu_ms"] = {
        who: spread(value for each in rounds if (value := each.cpu_ms[who]) is not None).as_json()
        if rounds[0].cpu_ms[who] is not None
        else None
        for who in rounds[0].cpu_ms
    }
    if taken.counted is not None:
        counted = taken.counted
        told |= {
            name: _short(value) if (value := getattr(counted, name)) is not None else None
            for name in (
                "queries", "commits", "connections", "messages", "published_bytes", "events", "event_bytes", "broker_bytes",
            )
        }  # fmt: skip
        told["statements"] = {text: _short(number) for text, number in counted.statements.items()}
    return told


def ratios(sides: Mapping[str, Taken]) -> dict[str, Spread | None]:
    """The ratios by name; None where a side was left out."""
    return {
        f"{over}/{under}": ratio(sides[over].rounds, sides[under].rounds)
        if over in sides and under in sides
        else None
        for over, under in RATIOS
    }


def worst(by_shape: Iterable[Mapping[str, Spread | None]]) -> dict[str, float | None]:
    """Of each ratio the smaller of all shapes: the one that a promise has to be held against."""
    shapes = list(by_shape)
    told: dict[str, float | None] = {}
    for name in shapes[0]:
        known = [found.median for shape in shapes if (found := shape[name]) is not None]
        told[name] = _short(min(known)) if known else None
    return told


def _short(value: float) -> float:
    return float(f"{value:.4g}")
