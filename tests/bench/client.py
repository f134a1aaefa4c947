"""The client of a side, seen from the run: a process that is told what to start, and says how long it took."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

from config.system.boot.paths import PROJECT
from config.system.boot.progress import Refusal
from config.system.servers.process import last_lines, launch_command
from tests.bench.clients.serving import GIVE_UP_AFTER, GIVE_UP_AFTER_EACH
from tests.bench.shapes import STEPS_PER_SAGA

READY_WITHIN = 120.0


class Client:
    """A context manager: the process ends with the block, and when this process dies."""

    def __init__(self, command: list[str], environment: dict[str, str], log: Path) -> None:
        self._log = log
        self._answers: SimpleQueue[str] = SimpleQueue()
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                launch_command(command, account=None, death_signal=signal.SIGKILL),
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=out, cwd=PROJECT,
                env={**os.environ, **environment, "TMPDIR": str(log.parent)},  # what a killed process leaves goes with the run
                text=True, start_new_session=True,
            )  # fmt: skip
        Thread(target=self._read, name="client", daemon=True).start()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def __enter__(self) -> Client:
        try:
            self._answer(READY_WITHIN)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def batch(self, shape: str, sagas: int) -> tuple[str, float]:
        """Have so many sagas started at once, and return their name and the seconds until the last has ended."""
        told = self._ask({"do": "batch", "shape": shape, "sagas": sagas})
        return told["name"], told["seconds"]

    def singles(self, shape: str, sagas: int) -> list[float]:
        """Have so many sagas started one after the other, and return the seconds of each."""
        seconds: list[float] = self._ask({"do": "singles", "shape": shape, "sagas": sagas})["seconds"]
        return seconds

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
        except OSError as error:
            raise self._failed() from error
        return self._answer(GIVE_UP_AFTER + STEPS_PER_SAGA * GIVE_UP_AFTER_EACH * question["sagas"] + 10)

    def _answer(self, seconds: float) -> dict[str, Any]:
        try:
            line = self._answers.get(timeout=seconds)
        except Empty:
            raise self._failed() from None
        if not line:
            raise self._failed()
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._answers.put(line)
        self._answers.put("")  # it has ended

    def _failed(self) -> Refusal:
        return Refusal(f"a client does not answer. The end of {self._log}:\n{last_lines(self._log, 20)}")

    def _end(self) -> None:
        # Its input's end ends it in order; whatever it has started does not outlive it.
        if self._process.stdin is not None and not self._process.stdin.closed:
            try:
                self._process.stdin.close()
                self._process.wait(timeout=5)
            except (OSError, subprocess.TimeoutExpired):
                pass
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
