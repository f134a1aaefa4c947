"""Runs the one command that readies the database (see `config.management.commands.prepare`) while the rest starts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

from config.system.boot.paths import PROJECT
from config.system.boot.progress import Refusal


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a person must know of the database that was readied."""

    login: str
    """How to sign in to the admin, in words."""
    is_secret: bool
    """Whether these words hold a password."""


def prepare(
    environment: dict[str, str], admin_password: str, *, while_waiting: Callable[[], None]
) -> Prepared:
    """Migrate, load the catalog where it is empty, have an admin account; raises Refusal with the command's own words."""
    chosen = os.environ.get("ORDERLY_ADMIN_PASSWORD", "")
    command = subprocess.Popen(
        [sys.executable, "-m", "django", "prepare"],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment, "PYTHONPATH": str(PROJECT)},
    )
    assert command.stdin is not None  # noqa: S101 - it was started with pipes
    # By a pipe: an environment can be read by more people than a pipe.
    command.stdin.write(json.dumps({"generated": admin_password, "chosen": chosen}))
    command.stdin.close()
    command.stdin = None
    while command.poll() is None:
        while_waiting()
    said, complained = command.communicate()
    if command.returncode:
        raise Refusal(f"the database could not be prepared:\n{complained or said}")
    answer = json.loads(said.splitlines()[-1])
    password = {"generated": admin_password, "chosen": "the one in ORDERLY_ADMIN_PASSWORD"}.get(
        answer["password"], "your password, as changed since"
    )
    return Prepared(login=f"{answer['user']} / {password}", is_secret=password == admin_password)
