"""Chooses what a command line means, inside the environment it needs.

`--data-dir` is understood by every command and taken out before Django sees the rest; the exit status is 2 where what was
asked cannot be done.
"""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
from pathlib import Path
from types import FrameType

from config.system.boot.environment import ensure_environment
from config.system.boot.paths import DataFolder, default_data_folder, refuse_unusable
from config.system.boot.progress import Refusal, say
from config.system.boot.secret_files import read_secret_files

_OWN_COMMANDS = """\
Orderly's own commands (each takes --help; every command takes --data-dir FOLDER):
  up      set everything up and run the whole system
  status  tell what runs, where, as which process
  down    stop the running system
  test    run the test-suite; takes pytest's options, --broker, --database, --browser, --durability
  crash_matrix  end real processes at every named place, and look whether every promise holds
  chaos   kill and disturb a whole system under load, and look whether every promise held
  bench   measure the engine beside bare Celery canvas, DBOS and the database alone

Django's commands, on the same data:"""


def take_data_folder(arguments: list[str]) -> tuple[DataFolder, list[str]]:
    """Return the data folder chosen by `--data-dir` or `ORDERLY_DATA_DIR` (or the default), and the other arguments.

    Raises:
        Refusal: what was chosen can be no folder.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, prog="manage.py")
    parser.add_argument("--data-dir", metavar="FOLDER")
    chosen, rest = parser.parse_known_args(arguments)
    if chosen.data_dir is not None and not chosen.data_dir.strip():
        raise Refusal("--data-dir names no folder; write --data-dir FOLDER, or leave it out")
    named = chosen.data_dir or os.environ.get("ORDERLY_DATA_DIR") or default_data_folder()
    folder = DataFolder(Path(os.path.abspath(_expanded(Path(named)))))
    refuse_unusable(folder.root)
    return folder, rest


def _expanded(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:
        raise Refusal(
            f"{str(path)[:100]} begins with an account that does not exist here; write the whole path"
        ) from None


def main(arguments: list[str]) -> int:
    """Run one command line (without the program's name) and return its exit status."""
    signal.signal(signal.SIGTERM, _end_as_if_interrupted)
    try:
        folder, rest = take_data_folder(arguments)
        match rest:
            case [] | ["help" | "-h" | "--help"]:
                rest = ["help"]
            case ["help", ("up" | "down" | "status") as own]:
                rest = [own, "--help"]
        command = rest[0]
        ensure_environment(with_tests=command == "test", arguments=arguments)
        # From here on everything that is made belongs to a system: ledgers, mail, logs, sockets are nobody else's to read.
        os.umask(0o077)
        read_secret_files(os.environ)
        return _run(command, rest, folder, named=rest != arguments)
    except Refusal as refusal:
        say(str(refusal))
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever read our output (`| head`) has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _run(command: str, rest: list[str], folder: DataFolder, *, named: bool) -> int:
    match command:
        case "up":
            from config.system.supervisor.up import up

            return up(rest[1:], folder)
        case "down":
            from config.system.supervisor.down import down

            return down(rest[1:], folder)
        case "status":
            from config.system.supervisor.status import status

            return status(rest[1:], folder)
        case "test":
            from config.system.boot.suite import run_tests

            return run_tests(rest[1:])
        case "crash_matrix" | "chaos" | "bench" if not {"-h", "--help"} & set(rest):
            return _run_rig(command, rest, folder if named else None)
        case _:
            if rest == ["help"]:
                print(_OWN_COMMANDS, flush=True)  # noqa: T201 - what is asked for
            from config.system.supervisor.django_command import run_django

            return run_django([sys.argv[0], *rest], folder)


def _run_rig(name: str, rest: list[str], folder: DataFolder | None) -> int:
    """Run what disturbs or measures a system. It lies beside the tests, of which nothing that serves people may know."""
    try:
        rig = importlib.import_module(f"tests.{name}.start")
    except ModuleNotFoundError as error:
        if error.name is None or not f"tests.{name}.start".startswith(error.name):
            raise
        raise Refusal(f"{name} needs the folder `tests`; take a whole checkout") from None
    status: int = rig.run([sys.argv[0], *rest], folder)
    return status


def _end_as_if_interrupted(number: int, frame: FrameType | None) -> None:
    # Without it a command ended by SIGTERM would leave the servers it started behind.
    raise SystemExit(128 + number)
