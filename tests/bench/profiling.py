"""The profile of a side's worker: the same batch in a single process, under cProfile."""

from __future__ import annotations

import io
import pstats
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from config.system.boot.paths import PROJECT
from tests.bench.sides import ALL
from tests.bench.turn import World, turn

MOST_LINES = 80
MOST_PACKAGES = 14
_INSTALLED = "site-packages"


def profile(world: World, side: str, shapes: Sequence[str], sagas: int) -> str:
    """Have the worker do a batch of each shape, and return where its main thread spent its time, most first."""
    file = world.folder.run / f"{side}.profile"
    with turn(world, ALL[side], profile_into=file) as at_work:
        seconds = {shape: at_work.batch(shape, sagas) for shape in shapes}
    out = io.StringIO()
    for shape, each in seconds.items():
        out.write(f"{side}, {shape}: {sagas} sagas in {each:.2f} s, one process, under cProfile\n")
    stats = pstats.Stats(str(file), stream=out)
    done = sagas * len(seconds)
    out.write(f"\nOwn time by package, {done} sagas; waiting for the database is psycopg2's:\n")
    for package, spent in by_package(stats).most_common(MOST_PACKAGES):
        out.write(f"{1000 * spent / done:9.2f} ms per saga  {package}\n")
    stats.sort_stats("cumulative").print_stats(MOST_LINES)
    stats.sort_stats("tottime").print_stats(MOST_LINES)
    return _shortened(out.getvalue())


def by_package(stats: pstats.Stats) -> Counter[str]:
    """Seconds spent in each package itself; what is built into Python goes by its own name."""
    spent: Counter[str] = Counter()
    for (file, _, name), (_, _, own, _, _) in stats.stats.items():  # type: ignore[attr-defined]  # its one public table
        spent[_package(file, name)] += own
    return spent


def _package(file: str, name: str) -> str:
    parts = Path(file).parts
    if file == "~":
        if "psycopg2" in name or "socket" in name or "poll" in name:
            return name
        return "built-in"
    if _INSTALLED in parts:
        return parts[parts.index(_INSTALLED) + 1]
    if Path(file).is_relative_to(PROJECT):
        return parts[len(PROJECT.parts)]
    return "standard library"


def _shortened(text: str) -> str:
    """Without the folders before what is installed, and before the project."""
    lines = []
    for line in text.splitlines():
        head, installed, tail = line.partition(f"/{_INSTALLED}/")
        lines.append(head[: head.rindex(" ") + 1] + tail if installed else line.replace(f"{PROJECT}/", ""))
    return "\n".join(lines) + "\n"
