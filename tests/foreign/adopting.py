"""Follows a page as a reader does: writes the files that its blocks hold, and types its commands, in an environment that has nothing but the wheel."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from config.system.servers.ports import free_port
from tests.bootstrap.running_system import clean_environment, status_of, wait_until
from tests.foreign.fresh import Environment

WITHIN = 40.0
"""Seconds for which a command that looks is repeated until it sees what the page says: a worker may be at it."""


@dataclass(frozen=True)
class Typed:
    """A command, and the lines that the page prints under it."""

    line: str
    said: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Written:
    """A file, and how the block changes it: it is the file, it is added to it, or it is added for one look only."""

    path: str
    how: str
    text: str


def blocks(page: str) -> Iterator[Typed | Written]:
    """What a reader writes and types, in the order of the page.

    Raises:
        ValueError: a block is neither commands nor a file.
    """
    for language, text in re.findall(r"^```(\w*)\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL):
        if language == "console":
            yield from _commands(text)
        elif language == "python" and (named := re.match(r"# ([\w/]+\.py)(?:, (.+))?\n", text)):
            yield Written(named[1], named[2] or "", text[named.end() :])
        else:
            raise ValueError(f"this block is neither commands nor a file:\n{text}")


def _commands(text: str) -> Iterator[Typed]:
    found: list[Typed] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append(Typed(line[2:]))
        else:
            found[-1].said.append(line)
    yield from found


class Reader:
    """Somebody with an empty folder, a Python, a database and a broker."""

    def __init__(self, folder: Path, environment: Environment, told: Mapping[str, str]) -> None:
        self.folder, self._environment = folder, environment
        path = os.pathsep.join([str(environment.python.parent), os.environ["PATH"]])
        self._told = {**clean_environment(), **told, "PATH": path}
        self._at_end = ExitStack()
        self.done: list[Typed | Written] = []
        self.served = ""

    def follow(self, page: str) -> None:
        """Do what the page says, from its beginning to its end."""
        with self._at_end:
            for block in blocks(page):
                if isinstance(block, Written):
                    self._write(block)
                else:
                    self._type(block)
                self.done.append(block)

    def ended(self, line: str) -> subprocess.CompletedProcess[str]:
        """Run a line as a shell does."""
        return subprocess.run(
            ["bash", "-c", line], cwd=self.folder, env=self._told, capture_output=True, text=True, timeout=120
        )

    def _write(self, block: Written) -> None:
        path = self.folder / block.path
        if block.how == "with a second database":
            before = path.read_text()
            path.write_text(before + block.text)
            told = self.ended("python manage.py check").stderr
            path.write_text(before)
            assert re.findall(r"(?:SystemCheckError|\(orchestration\.(\w+)\))", told) == [
                "",
                "E203",
                "E203",
            ], told
            return
        assert block.how in ("", "at the end"), block
        if block.how:
            path.write_text(path.read_text() + block.text)
        else:
            assert path.parent.exists(), f"{block.path}: there is no such folder yet"
            path.write_text(block.text)

    def _type(self, block: Typed) -> None:
        if block.line.startswith("python3 -m venv"):
            return  # it is there
        if extras := re.fullmatch(r"pip install 'django-orderly\[(.+)\]'", block.line):
            self._environment.install_engine(extras=extras[1].split(","))
        elif " worker " in block.line:
            self._at_end.enter_context(self._running(block.line, lambda log: " ready." in log))
        elif "runserver" in block.line:
            self.served = f"http://127.0.0.1:{free_port()}"
            line = block.line.replace("127.0.0.1:8000", self.served.removeprefix("http://"))
            self._at_end.enter_context(self._running(line, lambda log: "Quit the server" in log))
            assert status_of(f"{self.served}/admin/login/") == 200
        else:
            self._see(block)

    def _see(self, block: Typed) -> None:
        seen = ""

        def is_seen() -> bool:
            nonlocal seen
            ended = self.ended(block.line)
            seen = " ".join(f"{ended.stdout} {ended.stderr}".split())
            assert ended.returncode == 0, f"{block.line}\n{ended.stderr[-3000:]}"
            return all(" ".join(line.split()) in seen for line in block.said)

        try:
            wait_until(is_seen, block.line, WITHIN if block.said else 0)
        except AssertionError as error:
            raise AssertionError(f"{block}: {seen}") from error

    @contextmanager
    def _running(self, line: str, is_ready: Callable[[str], bool]) -> Iterator[None]:
        log = self.folder.with_name(f"{line.split()[0]}.log")
        with log.open("w") as out:
            process = subprocess.Popen(
                ["bash", "-c", f"exec {line}"],
                cwd=self.folder,
                env={**self._told, "PYTHONUNBUFFERED": "1"},
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        try:
            wait_until(lambda: is_ready(log.read_text()), f"{line} is ready", 40)
            yield
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
