"""A data folder is its owner's: files, passwords, secrets of processes, and which servers its commands work on."""

from __future__ import annotations

import json
import os
import pty
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from config.system.boot.paths import PROJECT, DataFolder
from config.system.boot.progress import Refusal
from config.system.servers import remembered
from config.system.servers.ports import free_port
from config.system.supervisor.options import close_to_strangers
from tests.bootstrap.running_system import RunningSystem, clean_environment, manage


def _readable_by_others(folder: Path) -> list[str]:
    found = []
    for path in [folder, *folder.rglob("*")]:
        allowed = 0o011 if path == folder else 0  # the servers' account passes through
        if not path.is_symlink() and stat.S_IMODE(path.lstat().st_mode) & 0o077 & ~allowed:
            found.append(f"{path.relative_to(folder)} {stat.S_IMODE(path.lstat().st_mode):o}")
    return found


def test_nothing_in_the_data_folder_can_be_read_by_others(system: RunningSystem) -> None:
    assert {"gateway.sqlite3", "carrier.sqlite3", "ports.json"} <= {
        path.name for path in system.folder.iterdir()
    }
    assert _readable_by_others(system.folder) == []


def test_what_an_older_version_has_left_open_is_closed(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "system")
    folder.make()
    for file in (folder.root / "gateway.sqlite3", folder.mail / "1.eml", folder.run / "log"):
        file.write_text("x")
        file.chmod(0o644)
    folder.make()
    assert _readable_by_others(folder.root) == []


def test_a_folder_of_another_account_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = DataFolder(tmp_path / "system")
    folder.make()
    mine = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: mine + 1)
    with pytest.raises(
        Refusal, match=f"belongs to another account \\(uid {mine}, and this is uid {mine + 1}\\)"
    ):
        folder.make()


def test_folders_on_the_way_can_be_passed_through(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        DataFolder(tmp_path / "a" / "b" / "system").make()
    finally:
        os.umask(before)
    assert [stat.S_IMODE((tmp_path / way).stat().st_mode) for way in ("a", "a/b")] == [0o755, 0o755]


def _up_at_a_terminal(folder: Path) -> str:
    """Run `up` with a terminal for its output until it is ready; what the terminal has shown."""
    leader, follower = pty.openpty()
    command = [sys.executable, "manage.py", "up", "--data-dir", str(folder), "--port", str(free_port())]
    command += ["--flower-port", str(free_port())]
    process = subprocess.Popen(
        command,
        cwd=PROJECT,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        stdout=follower,
        stderr=follower,
    )
    os.close(follower)
    shown = b""
    try:
        while b"Passwords are kept in" not in shown:
            shown += os.read(leader, 65536)
    finally:
        process.send_signal(signal.SIGINT)
        while True:
            try:
                if not os.read(leader, 65536):
                    break
            except OSError:  # the terminal is gone with the last who wrote to it
                break
        process.wait(30)
        os.close(leader)
    return shown.decode()


def test_at_a_terminal_the_passwords_are_shown_once(data_folders: Callable[[], Path]) -> None:
    folder = data_folders()
    first = _up_at_a_terminal(folder)
    secrets = json.loads((folder / "secrets.json").read_text())
    assert f"admin / {secrets['admin_password']}" in first
    assert f"admin / {secrets['flower_password']}" in first
    again = _up_at_a_terminal(folder)
    assert not any(secret in again for secret in secrets.values())
    assert "the password in secrets.json" in again


def test_each_process_has_only_the_secrets_it_needs(system: RunningSystem) -> None:
    secrets = json.loads((system.folder / "secrets.json").read_text())
    held: dict[str, set[str]] = {}
    for entry in system.status()["processes"]:
        if entry["role"] in ("gateway", "carrier", "flower", "worker", "web"):
            values = " ".join(psutil.Process(entry["pid"]).environ().values())
            held[entry["role"]] = {name for name, secret in secrets.items() if secret in values}
    of_django = {"secret_key", "application_database_password", "application_broker_password"}
    assert held == {
        "gateway": {"gateway_secret"},
        "carrier": {"carrier_secret"},
        "flower": of_django | {"flower_password"},
        "worker": of_django | {"gateway_secret", "carrier_secret"},
        "web": of_django | {"gateway_secret", "carrier_secret", "api_token"},
    }


def test_the_folder_remembers_the_servers_of_its_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = DataFolder(tmp_path / "system")
    folder.make()
    for name in remembered.NAMES:
        monkeypatch.delenv(name, raising=False)
    assert remembered.recall(folder) == []
    monkeypatch.setenv("DATABASE_URL", "postgres://u:p@db/orderly")
    remembered.remember(folder)
    assert stat.S_IMODE(folder.servers.stat().st_mode) == 0o600
    monkeypatch.delenv("DATABASE_URL")
    assert remembered.recall(folder) == ["DATABASE_URL"]
    assert os.environ["DATABASE_URL"] == "postgres://u:p@db/orderly"
    monkeypatch.setenv("DATABASE_URL", "")  # the embedded one again
    assert remembered.recall(folder) == []
    remembered.remember(folder)
    assert not folder.servers.exists()


def test_without_tables_a_command_says_what_to_do_also_below_an_odd_path(
    data_folders: Callable[[], Path],
) -> None:
    folder = data_folders() / 'we"ird \\folder'
    folder.parent.chmod(0o755)
    for command in (["verify"], ["saga", "list"], ["place_orders", "orders/fixtures/northwind/orders.jsonl"]):
        refused = manage(*command, folder=folder)
        assert refused.returncode == 2, refused.stderr
        assert "`python3 manage.py migrate`" in refused.stderr
        assert "Traceback" not in refused.stderr
    assert manage("migrate", folder=folder).returncode == 0
    assert manage("saga", "list", folder=folder).returncode == 0


@pytest.mark.parametrize(("host", "environment", "closed"), [
    ("0.0.0.0", {}, {"ORDERLY_DEMO", "ORDERLY_API_ANONYMOUS"}),
    ("0.0.0.0", {"ORDERLY_DEMO": "1"}, {"ORDERLY_API_ANONYMOUS"}),
    ("0.0.0.0", {"ORDERLY_ENV": "production"}, set()),
    ("127.0.0.1", {}, set()),
])  # fmt: skip
def test_what_is_open_to_other_machines_is_open_only_when_told(
    monkeypatch: pytest.MonkeyPatch, host: str, environment: dict[str, str], closed: set[str]
) -> None:
    for name in ("ORDERLY_DEMO", "ORDERLY_API_ANONYMOUS", "ORDERLY_ENV"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    for name in closed:
        monkeypatch.setenv(name, "x")  # so that it is taken back after the test
        monkeypatch.delenv(name)
    close_to_strangers(host)
    assert {
        name for name in ("ORDERLY_DEMO", "ORDERLY_API_ANONYMOUS") if os.environ.get(name) == "0"
    } == closed
