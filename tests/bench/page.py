"""The page of a run, `docs/performance.md`, and its chart beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.bench.chart import NAMES, chart
from tests.bench.report import COLUMNS, cells, told
from tests.bench.round import pieces
from tests.bench.shapes import DBOS_AT_ONCE, PROCESSES, SHAPES
from tests.bench.sides import RUN_AHEAD_SECONDS
from tests.crash_matrix.paragraphs import wrapped

CHART = Path("images") / "bench.svg"
"""Beside the page."""


def write(file: Path, report: dict[str, Any]) -> None:
    """Write both; what was there is replaced."""
    picture = file.parent / CHART
    picture.parent.mkdir(parents=True, exist_ok=True)
    picture.write_text(chart(report), "utf-8")
    file.write_text(document(report), "utf-8")


def document(report: dict[str, Any]) -> str:
    """The page as Markdown."""
    lines = [
        "# Performance",
        "",
        "Made by `python3 manage.py bench --write docs/performance.md`; do not edit it by hand.",
        "",
        f"![Sagas per second of every side]({CHART.as_posix()})",
        "",
        "## Ratios",
        "",
        wrapped(
            "Of throughput, each taken within one round, in which the sides take turns every second or two: the median of the "
            "rounds, and in brackets the least and the most. A promise is held against the worse of both shapes."
        ),
        "",
        "| | " + " | ".join([*report["shapes"], "the worse"]) + " |",
        "|---|" + "---|" * (len(report["shapes"]) + 1),
    ]
    for name, least in report["ratios"].items():
        shown = [told(shape["ratios"][name]) for shape in report["shapes"].values()]
        lines.append(f"| `{name}` | " + " | ".join([*shown, "–" if least is None else f"{least:.2f}"]) + " |")
    for name, shape in report["shapes"].items():
        lines += ["", f"## {name.capitalize()}", "", _stages(name), "", *_table(shape["sides"])]
    lines += ["", "## Method", "", *_method(report), "", "## Machine", "", *_machine(report), ""]
    return "\n".join(lines)


def _stages(shape: str) -> str:
    return "`" + "` → `".join(" ∥ ".join(stage) for stage in SHAPES[shape]) + "`"


def _table(sides: dict[str, Any]) -> list[str]:
    rows = [
        f"| {NAMES[side]} | " + " | ".join(cells(figures, told=told)) + " |"
        for side, figures in sides.items()
    ]
    return ["| | " + " | ".join(COLUMNS) + " |", "|---|" + "---:|" * len(COLUMNS), *rows]


def _method(report: dict[str, Any]) -> list[str]:
    singles = min(50, report["sagas"])
    said = [
        "**The work.** Each step inserts one row into a plain table. After each batch the rows are counted: every step of every "
        "saga exactly once, or the run is refused.",
        f"**The sides.** Each has one worker with {PROCESSES} processes, or as many processes of its own. "
        "*Bare Celery canvas*: a chain, and a group that Celery makes a chord; acknowledged when taken, as is Celery's default, "
        "results in Redis, the connection to the database kept open between tasks. *Orderly, distributed*: this system's own "
        "settings, one message per step through the queue of its service, each saga started in a transaction of its own. Both "
        "fetch four messages for each process, which is Celery's default, and tell Flower of their tasks. "
        f"*Orderly, run-ahead*: the same with a time budget of {RUN_AHEAD_SECONDS:g} s{_not_ahead(report)}. *DBOS*: workflows of ordinary "
        "steps in the processes that start them, without a queue; in threads for the chain, in a coroutine that gathers the "
        f"parallel steps, {DBOS_AT_ONCE['chain']} and {DBOS_AT_ONCE['parallel']} at once in each process: the fastest of the documented "
        "ways that were tried. *PostgreSQL alone*: the same rows, each committed, by as many connections.",
        f"**Turns.** {report['rounds']} rounds, each on fresh databases and an empty broker, and each begun by another side. "
        "All sides are started and warmed up, and frozen; then each batch of "
        f"{report['sagas']} sagas is cut into {len(pieces(report['sagas']))} pieces, whose sagas are started at once, and the sides take "
        f"turns with these: a machine is faster in one minute than in the next, and all sides get their share of both. Afterwards each does {singles} "
        "sagas one at a time. On a broker that the environment names, where each side cannot have a place of its own, one side after "
        "the other is started instead, and does its batch in one piece.",
        "**Moments.** A batch lasts from before its first start to the end of its last saga, a single saga from before its "
        "start to its end. The end is what the database says: of a saga of Orderly when it is recorded as completed, of a "
        "bare canvas already when its last row is written. DBOS and PostgreSQL alone end when the caller has the answer.",
        "**CPU** is that of the worker with its children, the process that starts the sagas, the database and the broker, per "
        "saga of the batch.",
        "**Queries, commits, messages and bytes** come from a round of their own: statements and commits are read from the "
        "wire to PostgreSQL, beginning and ending a transaction not counted as queries, a lone statement counted as a commit; "
        "messages and their bytes (bodies and headers) are counted where they are handed to the broker. The heart beats slowly "
        "in that round, so that its sweeps are not counted as the work of a saga; events for Flower, and results, are not "
        "among the messages.",
        "**Durability** is on: `fsync`, `synchronous_commit` and `full_page_writes`, or the run is refused. Orderly's own record of a "
        "local step does not wait for the disk; the end of each saga does ([ADR 0013](adr/0013-a-worker-may-run-ahead.md)).",
    ]
    return [line for each in said for line in (wrapped(each), "")][:-1]


def _not_ahead(report: dict[str, Any]) -> str:
    """What has to be said where the setting has changed nothing."""
    for shape in report["shapes"].values():
        sides = shape["sides"]
        if not {"run_ahead", "distributed"} <= set(sides):
            return ""
        if sides["run_ahead"]["messages"] < 0.9 * sides["distributed"]["messages"]:
            return ""
    return ", which in this run sent as many messages: the engine did not run ahead, and both are the same"


def _machine(report: dict[str, Any]) -> list[str]:
    machine = report["machine"]
    versions = ", ".join(
        f"{name} {machine[name]}" for name in ("python", "celery", "kombu", "django", "psycopg2-binary")
    )
    facts = [
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']} GB, {machine['system']}, data on {machine['filesystem']}",
        f"PostgreSQL {machine['postgresql']}, {machine['broker']}, {versions}",
        f"load of the machine before the run: {machine['load_before']}; the run took {report['seconds']} s",
    ]
    return [wrapped(fact, bullet=True) for fact in facts]
