"""A system started with `manage.py up` in a process of its own, as a person would, on a folder that is thrown away."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil

from config.system.boot.paths import PROJECT
from config.system.servers.ports import free_port
from config.system.supervisor.leftovers import of_run

READY_WITHIN = 60.0
STOPPED_WITHIN = 10.0


def clean_environment() -> dict[str, str]:
    """The environment a newcomer has: nothing of this suite's own servers."""
    ours = ("ORDERLY_", "CELERY_", "FLOWER_", "DJANGO_", "PYTEST_", "COV_")
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(ours) and not name.startswith(("DATABASE_URL", "SECRET_KEY"))
    }


def manage(
    *arguments: str, folder: Path, seconds: float = 90, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments, "--data-dir", str(folder)],
        cwd=PROJECT,
        env={**clean_environment(), **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
    )


def wait_until(condition: Callable[[], bool], what: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)


class RunningSystem:
    """One `manage.py up`."""

    def __init__(
        self,
        folder: Path,
        *options: str,
        environment: Mapping[str, str] | None = None,
        output: Path | None = None,
    ) -> None:
        self.folder = folder
        self.environment = dict(environment or {})
        self.port, self.flower_port = free_port(), free_port()
        self.output = output or folder.with_name(folder.name + ".out")
        with self.output.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up", "--data-dir", str(folder), "--port", str(self.port),
                 "--flower-port", str(self.flower_port), *options],
                cwd=PROJECT, env={**clean_environment(), **self.environment}, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                start_new_session=True,
            )  # fmt: skip

    @property
    def said(self) -> str:
        return self.output.read_text(errors="replace")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def wait_until_ready(self) -> RunningSystem:
        deadline = time.monotonic() + READY_WITHIN
        while "Orderly is ready" not in self.said:
            assert self.process.poll() is None, (
                f"`up` ended with {self.process.returncode}:\n{self.said[-3000:]}"
            )
            assert time.monotonic() < deadline, f"not ready:\n{self.said[-3000:]}"
            time.sleep(0.05)
        assert "still not ready" not in self.said, self.said[-3000:]
        return self

    def status(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(manage("status", "--json", folder=self.folder).stdout)
        return answer

    def pids(self, role: str) -> list[int]:
        return [process["pid"] for process in self.status()["processes"] if process["role"] == role]

    def living(self) -> list[psutil.Process]:
        """Every process of this run, servers included, that still lives."""
        record = json.loads((self.folder / "run" / "supervisor.json").read_text())
        servers = []
        for process in psutil.process_iter():
            try:
                # The servers overwrite their environment with their title; they work in the data folder.
                if Path(process.cwd()).is_relative_to(self.folder):
                    servers.append(process)
            except (psutil.Error, OSError):
                continue
        return [
            p
            for p in {*of_run(record["run_id"]), *servers}
            if p.is_running() and p.status() != psutil.STATUS_ZOMBIE
        ]

    def stop(self, number: signal.Signals = signal.SIGINT) -> float:
        """Send `number` to the supervisor alone, and return how many seconds it took to end."""
        began = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(timeout=30)
        return time.monotonic() - began


def status_of(url: str, password: str = "") -> int:
    """Return the HTTP status `url` answers with."""
    request = urllib.request.Request(url)  # noqa: S310 - our own loopback address
    if password:
        request.add_header(
            "Authorization", "Basic " + base64.b64encode(f"admin:{password}".encode()).decode()
        )
    try:
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310 - our own loopback address
            status: int = response.status
            return status
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
