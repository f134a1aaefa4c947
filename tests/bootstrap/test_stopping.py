"""However `up` ends, nothing of it runs on, and the next one goes on where it stood."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import psutil

from tests.bootstrap.running_system import STOPPED_WITHIN, RunningSystem, manage, status_of


def test_it_stops_within_ten_seconds_and_leaves_no_process(
    start_system: Callable[..., RunningSystem],
) -> None:
    system = start_system()
    assert len(system.living()) >= 9
    assert system.stop(signal.SIGTERM) < STOPPED_WITHIN
    assert system.living() == []
    assert system.process.returncode == 0
    assert manage("status", folder=system.folder).returncode == 3


def test_after_kill_nine_the_next_up_works_on_the_same_data(
    start_system: Callable[..., RunningSystem],
) -> None:
    killed = start_system()
    secrets = (killed.folder / "secrets.json").read_text()
    add = "from orders.models import Product; Product.objects.filter(pk=Product.objects.first().pk).update(name='kept')"
    assert manage("shell", "--no-imports", "-c", add, folder=killed.folder).returncode == 0
    before = killed.living()
    os.kill(killed.process.pid, signal.SIGKILL)
    killed.process.wait()
    _, left = psutil.wait_procs(before, timeout=STOPPED_WITHIN)
    assert [p.cmdline() for p in left if p.status() != psutil.STATUS_ZOMBIE] == []

    again = start_system(folder=killed.folder)
    assert (again.folder / "secrets.json").read_text() == secrets
    count = "from orders.models import Product; print(Product.objects.filter(name='kept').count())"
    assert manage("shell", "--no-imports", "-c", count, folder=again.folder).stdout.strip() == "1"
    assert again.stop(signal.SIGINT) < STOPPED_WITHIN
    assert again.living() == []
    assert again.process.returncode == 0


def test_fresh_starts_from_empty_data_beside_another_system(
    system: RunningSystem, start_system: Callable[..., RunningSystem], data_folders: Callable[[], Path]
) -> None:
    folder = data_folders()
    rename = "from orders.models import Product; Product.objects.update(name='old')"
    assert manage("migrate", folder=folder).returncode == 0
    assert manage("import_catalog", "orders/fixtures/northwind/catalog.json", folder=folder).returncode == 0
    assert manage("shell", "--no-imports", "-c", rename, folder=folder).returncode == 0
    (folder / "mine.txt").write_text("not Orderly's")
    password = json.loads((folder / "secrets.json").read_text())["admin_password"]

    other = start_system("--fresh", folder=folder)

    assert status_of(f"{other.url}/") == status_of(f"{system.url}/") == 200
    count = "from orders.models import Product; print(Product.objects.filter(name='old').count())"
    assert manage("shell", "--no-imports", "-c", count, folder=folder).stdout.strip() == "0"
    assert json.loads((folder / "secrets.json").read_text())["admin_password"] != password
    assert (folder / "mine.txt").read_text() == "not Orderly's"
    assert not {p["pid"] for p in other.status()["processes"]} & {
        p["pid"] for p in system.status()["processes"]
    }


def test_a_command_alone_starts_the_servers_and_stops_them_when_it_ends(
    data_folders: Callable[[], Path],
) -> None:
    folder = data_folders()
    ended = manage(
        "shell", "--no-imports", "-c", "import os; print(os.environ['DATABASE_URL'])", folder=folder
    )
    assert ended.stdout.startswith("postgres://orderly_app:")
    assert not (folder / "postgres" / "postmaster.pid").exists()
    running = [" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])]
    assert [line for line in running if str(folder) in line] == []
