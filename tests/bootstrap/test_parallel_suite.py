"""A whole run of the suite uses the cores; a chosen part, or one on servers that others use, does not."""

from __future__ import annotations

import pytest

from config.system.boot.suite import in_parallel


@pytest.mark.parametrize(
    "given", [[], ["-q"], ["--browser", "--proxies"], ["-k", "webhook"], ["-m", "acceptance"], ["-x"]]
)
@pytest.mark.parametrize(("cores", "processes"), [(2, "2"), (4, "4"), (64, "6")])
def test_a_whole_run_is_shared_out_by_module(given: list[str], cores: int, processes: str) -> None:
    assert in_parallel(given, cores=cores) == [
        "-n",
        processes,
        "--dist",
        "loadscope",
        "--no-loadscope-reorder",
    ]


@pytest.mark.parametrize(
    "given",
    [
        ["tests/bootstrap"], ["tests/bootstrap/test_up.py::test_x", "-q"], ["-n", "0"], ["-n3"], ["--numprocesses=1"],
        ["--pdb"], ["-p", "no:xdist"], ["--version"],
    ],
)  # fmt: skip
def test_a_person_who_says_what_or_how_is_not_contradicted(given: list[str]) -> None:
    assert in_parallel(given, cores=8) == []


def test_one_core_is_one_process() -> None:
    assert in_parallel([], cores=1) == []
