"""Medians, percentiles and ratios of the benchmark, by numbers that can be checked in the head."""

from __future__ import annotations

from tests.bench.figures import Counted, Round, Spread, Taken, percentile, ratio, ratios, summary, worst


def rounds(*speeds: float) -> list[Round]:
    cpu: dict[str, float | None] = {"worker": 8.0, "client": 1.0, "database": None, "broker": 0.5}
    return [Round(speed, [0.010, 0.020, 0.090], cpu) for speed in speeds]


def test_a_percentile_is_a_value_that_was_measured() -> None:
    values = [float(value) for value in range(100, 0, -1)]
    assert [percentile(values, share) for share in (0.5, 0.99, 1.0)] == [50, 99, 100]
    assert percentile([7.0], 0.99) == 7.0


def test_a_ratio_compares_what_ran_in_the_same_round() -> None:
    # The machine was twice as fast in the second round: medians of each side alone would not tell 2 from 1.
    assert ratio(rounds(100, 200, 90), rounds(50, 100, 45)) == Spread(2.0, 2.0, 2.0)
    assert ratio(rounds(30, 10, 40), rounds(10, 10, 10)) == Spread(3.0, 1.0, 4.0)


def test_a_side_that_was_left_out_has_no_ratio() -> None:
    found = ratios({"bare": Taken(rounds(10.0)), "distributed": Taken(rounds(5.0))})
    assert found == {
        "distributed/bare": Spread(0.5, 0.5, 0.5),
        "run_ahead/bare": None,
        "run_ahead/dbos": None,
    }


def test_a_promise_is_held_against_the_worse_shape() -> None:
    chain = {"a/b": Spread(1.5, 1.4, 1.6), "a/c": None}
    parallel = {"a/b": Spread(0.8, 0.7, 2.0), "a/c": None}
    assert worst([chain, parallel]) == {"a/b": 0.8, "a/c": None}
    assert worst([chain]) == {"a/b": 1.5, "a/c": None}


def test_the_summary_of_a_side() -> None:
    counted = Counted(40.5, 22.25, 7.5, 7, 19_679.4, 21, 9_000, None, {"SELECT ?": 1.5})
    told = summary(Taken(rounds(100, 300, 200), counted))
    assert told["sagas_per_second"] == {"median": 200, "min": 100, "max": 300}
    assert (told["p50_ms"]["median"], told["p99_ms"]["median"]) == (20, 90)
    assert (told["cpu_ms"]["worker"]["median"], told["cpu_ms"]["database"]) == (8, None)
    assert (told["queries"], told["commits"], told["messages"]) == (40.5, 22.25, 7)
    assert (told["published_bytes"], told["broker_bytes"]) == (19_680, None)
    assert told["statements"] == {"SELECT ?": 1.5}
