"""On what it was measured."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any

import psutil
import psycopg2
import redis

from config.system.boot.progress import Refusal

_DURABLE = ("fsync", "synchronous_commit", "full_page_writes")


def describe(database: str, broker: str, folder: Path) -> dict[str, Any]:
    """Facts by name, for the report; nothing secret."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30),
        "system": f"{platform.system()} {platform.release()}",
        "filesystem": _filesystem(folder),
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in ("celery", "kombu", "django", "psycopg2-binary")},
        "postgresql": durable_version(database),
        "broker": _broker(broker),
        "load_before": round(os.getloadavg()[0], 2),
    }  # fmt: skip


def durable_version(database: str) -> str:
    """The version of a PostgreSQL that keeps what it has committed.

    Raises:
        Refusal: it does not, so every figure would be a promise that nobody keeps.
    """
    link = psycopg2.connect(database)
    try:
        with link.cursor() as cursor:
            for setting in _DURABLE:
                cursor.execute("SELECT current_setting(%s)", [setting])
                (value,) = cursor.fetchone() or ("",)
                if value == "off":
                    raise Refusal(
                        f"{setting} is off: this PostgreSQL would be measured without keeping anything. Switch it on."
                    )
            cursor.execute("SHOW server_version")
            (version,) = cursor.fetchone() or ("",)
            return str(version).split(" ")[0]
    finally:
        link.close()


def _broker(url: str) -> str:
    if not url.startswith("redis"):
        return url.partition(":")[0]
    with redis.Redis.from_url(url) as link:
        info: Any = link.info("server")
    return f"{info.get('server_name', 'redis')} {info.get('valkey_version') or info.get('redis_version')}"


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _filesystem(folder: Path) -> str:
    """Its kind: in memory, a commit costs nothing."""
    mounts = [part for part in psutil.disk_partitions(all=True) if folder.is_relative_to(part.mountpoint)]
    return max(mounts, key=lambda part: len(part.mountpoint)).fstype if mounts else "unknown"
