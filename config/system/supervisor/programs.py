"""The programs of one system: web, workers, Flower, and the sandbox gateway and carrier; each with how it shows it is ready."""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from config.queues import QUEUES
from config.system.boot.paths import DataFolder
from config.system.boot.progress import Refusal
from config.system.boot.secret_files import SECRETS
from config.system.servers.ports import LOOPBACK, answers
from config.system.supervisor import connections

FLOWER_TASKS = 5_000
"""Tasks that Flower remembers, some 6 kB each. By default it keeps 100,000, which takes 0.7 GB after ten thousand orders."""
CHECKED_ALREADY = {"CELERY_SKIP_CHECKS": "1"}
"""For processes of Celery: `prepare` has run Django's system checks a moment ago, and they cost each start a second."""


_DJANGO = frozenset({"SECRET_KEY", "DATABASE_URL", "CELERY_BROKER_URL", "CELERY_RESULT_BACKEND"})
"""Without these the settings of the project do not load."""
_WORKER = _DJANGO | {"ORDERLY_GATEWAY_SECRET", "ORDERLY_CARRIER_SECRET", "ORDERLY_SMTP_PASSWORD"}
_WEB = _WORKER | {"ORDERLY_API_TOKENS", "ORDERLY_LIMITS_URL"}


@dataclass(frozen=True, slots=True)
class Program:
    """One process to keep running."""

    role: str
    name: str
    command: list[str]
    is_ready: Callable[[], bool]
    environment: dict[str, str] = field(default_factory=dict)
    """On top of what every process of the system has."""
    secrets: frozenset[str] = frozenset()
    """Which of the system's secrets it needs; no other is in its environment, where whatever it runs could read it."""

    def without_foreign_secrets(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Return an environment without the secrets that are for other programs."""
        return {
            name: value
            for name, value in environment.items()
            if name not in SECRETS or name in self.secrets or name in self.environment
        }


@dataclass(frozen=True, slots=True)
class Places:
    """Where the system listens."""

    host: str
    port: int
    flower_port: int
    gateway_port: int
    carrier_port: int

    @property
    def web_url(self) -> str:
        """The web server's address from this machine, without a slash at the end."""
        host = LOOPBACK if self.host in {"0.0.0.0", "::"} else self.host  # noqa: S104 - read, not bound
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def flower_url(self) -> str:
        """Flower's address on this machine, with a slash at the end; below FLOWER_URL_PREFIX where a proxy needs one."""
        prefix = os.environ.get("FLOWER_URL_PREFIX", "").strip("/")
        return f"http://{LOOPBACK}:{self.flower_port}/{prefix}{'/' if prefix else ''}"

    def addresses(self) -> dict[str, str]:
        """Return what a person may open, by name."""
        return {
            "storefront": f"{self.web_url}/",
            "admin": f"{self.web_url}/admin/",
            "api_docs": f"{self.web_url}/api/docs",
            "flower": self.flower_url,
            "gateway": f"http://{LOOPBACK}:{self.gateway_port}",
            "carrier": f"http://{LOOPBACK}:{self.carrier_port}",
        }


def services(places: Places, flower_password: str) -> list[Program]:
    """Return what needs neither tables nor catalog: the simulators and Flower."""
    return [
        Program(
            "gateway",
            "gateway",
            [sys.executable, "-m", "payments.sandbox"],
            _listens(places.gateway_port),
            secrets=frozenset({"ORDERLY_GATEWAY_SECRET"}),
        ),
        Program(
            "carrier",
            "carrier",
            [sys.executable, "-m", "shipping.carrier"],
            _listens(places.carrier_port),
            secrets=frozenset({"ORDERLY_CARRIER_SECRET"}),
        ),
        Program(
            "flower",
            "flower",
            [
                *_celery("config.system.flower_process"),
                "--quiet",  # it would print the name of every task
                "flower",
                "--read-only",
                f"--address={LOOPBACK}",
                f"--port={places.flower_port}",
                f"--max-tasks={FLOWER_TASKS}",
                # With the arguments, which say which order, saga and step: a name alone is one of thousands.
                "--tasks-columns=name,kwargs,state,received,runtime,worker,uuid",
                "--logging=error",
            ],
            lambda: _status(f"{places.flower_url}healthcheck") == 200,
            # Not on the command line, where every account of the machine could read it.
            {**CHECKED_ALREADY, "FLOWER_BASIC_AUTH": f"admin:{flower_password}"},
            _DJANGO,
        ),
    ]


def application(places: Places, folder: DataFolder) -> list[Program]:
    """Return what works on the tables: the web server and the workers."""
    threads = _count("ORDERLY_WEB_THREADS", min(8, 2 * (os.cpu_count() or 1)))
    web = Program(
        "web",
        "web",
        [
            sys.executable, "-m", "granian", "--interface", "asginl", "--http", "1", "--host", places.host, "--port", str(places.port),
            "--workers", str(_count("ORDERLY_WEB_PROCESSES", 1)), "--no-ws", "--respawn-failed-workers",
            "--http1-header-read-timeout", "10000", "--backlog", str(connections.BACKLOG), "--backpressure", str(connections.allowed()),
            "--workers-kill-timeout", "3", "config.system.supervisor.web_process:application",
        ],
        lambda: _status(f"{places.web_url}/", _as_through_the_proxy()) is not None,
        {
            "ORDERLY_WEB_THREADS": str(threads),
            "ORDERLY_FLOWER_URL": os.environ.get("ORDERLY_FLOWER_URL") or places.addresses()["flower"],
            # Nobody waits longer for a page, and its thread serves somebody else.
            "ORDERLY_STATEMENT_SECONDS": os.environ.get("ORDERLY_STATEMENT_SECONDS") or "30",
        },
        _WEB,
    )  # fmt: skip
    return [web, *(_worker(f"worker{number + 1}", folder) for number in range(_count("ORDERLY_WORKERS", 2)))]


def _worker(name: str, folder: DataFolder) -> Program:
    ready = folder.run / f"{name}.ready"
    ready.unlink(missing_ok=True)
    processes = _count("ORDERLY_WORKER_PROCESSES", 2)
    return Program(
        "worker",
        name,
        [
            *_celery(),
            "--quiet",
            "worker",
            "-E",
            # What workers tell each other, revoked tasks above all, anybody could tell them; nothing here needs it.
            "--without-mingle",
            "--without-gossip",
            "-Q",
            ",".join(QUEUES),
            "-n",
            f"{name}@%h",
            "-P",
            "prefork",
            "-c",
            str(processes),
            "-l",
            "INFO",
        ],
        ready.exists,
        # Stopping gives an unfinished message back to the broker instead of waiting for its end.
        {
            **CHECKED_ALREADY,
            "ORDERLY_READY_FILE": str(ready),
            "REMAP_SIGTERM": "SIGQUIT",
            # Whoever runs all this as root knows; twice ten lines of it hide what matters.
            "PYTHONWARNINGS": "ignore:You're running the worker with superuser privileges",
        },
        _WORKER,
    )


def _celery(module: str = "celery") -> list[str]:
    return [sys.executable, "-m", module, "-A", "config.celery"]


def _count(variable: str, default: int) -> int:
    text = os.environ.get(variable, "")
    if not text:
        return default
    if not text.isdecimal() or int(text) < 1:
        raise Refusal(f"{variable} must be a number from 1, not {text!r}.")
    return int(text)


def _listens(port: int) -> Callable[[], bool]:
    return lambda: answers(LOOPBACK, port)


def _as_through_the_proxy() -> dict[str, str]:
    """Return headers with which our own request is one production would answer: its host, and over TLS."""
    host = os.environ.get("ORDERLY_ALLOWED_HOSTS", "").split(",")[0].strip().lstrip(".")
    return {"Host": host, "X-Forwarded-Proto": "https"} if host not in {"", "*"} else {}


def _status(url: str, headers: dict[str, str] | None = None) -> int | None:
    """Return the status `url` answers with, or None where nothing answers."""
    try:
        # Without proxies: this machine's own address never goes through one.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(urllib.request.Request(url, headers=headers or {}), timeout=5) as response:  # noqa: S310 - our own
            status: int = response.status
            return status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


def remove_ready_files(folder: Path) -> None:
    """Forget which workers were ready in a former run."""
    for file in folder.glob("*.ready"):
        file.unlink()
