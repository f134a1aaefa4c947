"""The environment that runs DBOS: Orderly itself does not need it, and must not import it."""

from __future__ import annotations

from pathlib import Path

from config.system.boot.apart import environment_apart
from config.system.boot.progress import Refusal


def dbos_python() -> Path:
    """The interpreter that has DBOS, made where there is none.

    Raises:
        Refusal: it cannot be installed; the text says why, and how to go on without.
    """
    try:
        return environment_apart(
            "bench", told="making an environment for DBOS, which only this command needs"
        )
    except Refusal as refusal:
        raise Refusal(f"DBOS is missing: {refusal}\nTo measure without it: --without dbos") from refusal
