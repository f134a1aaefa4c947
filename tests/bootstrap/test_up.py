"""`manage.py up` as a person meets it: what it says, where it answers, what it survives."""

from __future__ import annotations

import collections
import json
import os
import signal
import stat
from collections.abc import Callable
from pathlib import Path

from tests.bootstrap.running_system import RunningSystem, manage, status_of, wait_until

EXPECTED_ROLES = {
    "supervisor": 1, "postgres": 1, "valkey": 1, "web": 1, "worker": 2, "flower": 1, "gateway": 1, "carrier": 1,
}  # fmt: skip


def test_status_names_every_process_by_its_role_and_they_live(system: RunningSystem) -> None:
    status = system.status()
    assert status["state"] == "running"
    assert collections.Counter(p["role"] for p in status["processes"]) == EXPECTED_ROLES
    assert system.pids("supervisor") == [system.process.pid]
    assert f"{system.process.pid}" in manage("status", folder=system.folder).stdout


def test_the_printed_addresses_answer(system: RunningSystem) -> None:
    addresses = system.status()["addresses"]
    assert {name: status_of(addresses[name]) for name in ("storefront", "admin", "api_docs")} == {
        "storefront": 200,
        "admin": 200,
        "api_docs": 200,
    }
    assert all(addresses[name] in system.said for name in ("storefront", "admin", "api_docs", "flower"))


def test_flower_asks_for_the_generated_password(system: RunningSystem) -> None:
    address = f"http://127.0.0.1:{system.flower_port}/workers"
    password = json.loads((system.folder / "secrets.json").read_text())["flower_password"]
    assert status_of(address) == 401
    assert status_of(address, password) == 200


def test_flower_says_nothing_while_there_is_nothing_to_say(system: RunningSystem) -> None:
    told = [line for line in system.said.partition("Orderly is ready")[0].splitlines() if " flower  " in line]
    assert told == []


def test_flower_keeps_a_limited_number_of_tasks(system: RunningSystem) -> None:
    (pid,) = system.pids("flower")
    words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    (most,) = [int(word.partition("=")[2]) for word in words if word.startswith("--max-tasks=")]
    assert 0 < most <= 5_000  # each takes 6 KB of its memory


def test_secrets_are_generated_and_only_their_owner_reads_them(system: RunningSystem) -> None:
    file = system.folder / "secrets.json"
    secrets = json.loads(file.read_text())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert min(len(secret) for secret in secrets.values()) >= 20
    assert len(set(secrets.values())) == len(secrets)
    # No terminal has started it: whoever reads its output, a log say, is told where they are.
    assert not any(secret in system.said for secret in secrets.values())
    assert "the password in secrets.json" in system.said


def test_the_printed_login_opens_the_admin_and_the_catalog_is_loaded(system: RunningSystem) -> None:
    password = json.loads((system.folder / "secrets.json").read_text())["admin_password"]
    code = (
        "import os; from django.contrib.auth import authenticate; from orders.models import Product;"
        "print(bool(authenticate(username='admin', password=os.environ['TRY'])), Product.objects.count())"
    )
    ended = manage("shell", "--no-imports", "-c", code, folder=system.folder, environment={"TRY": password})
    assert ended.stdout.split() == ["True", "77"], ended.stderr


def test_other_commands_leave_the_running_servers_alone(system: RunningSystem) -> None:
    before = system.pids("postgres") + system.pids("valkey")
    assert manage("showmigrations", folder=system.folder).returncode == 0
    assert system.pids("postgres") + system.pids("valkey") == before


def test_a_second_up_on_the_same_folder_is_refused_with_what_to_do(system: RunningSystem) -> None:
    refused = manage("up", "--port", "1", folder=system.folder)
    assert refused.returncode == 2
    assert f"already runs on {system.folder} (process {system.process.pid})" in refused.stderr
    assert "--data-dir" in refused.stderr
    assert system.status()["state"] == "running"


def test_a_taken_port_is_named_with_what_to_do(
    system: RunningSystem, data_folders: Callable[[], Path]
) -> None:
    other = data_folders()
    for option, port in (("--port", system.port), ("--flower-port", system.flower_port)):
        refused = manage("up", "--port", "1024", option, str(port), folder=other)
        assert refused.returncode == 2
        assert f"port {port} is taken by " in refused.stderr
        assert f"{option} {port + 1}" in refused.stderr


def test_a_killed_process_is_started_again_and_the_rest_runs_on(system: RunningSystem) -> None:
    before = {p["name"]: p["pid"] for p in system.status()["processes"]}
    for name in ("worker1", "gateway", "valkey", "postgres"):
        os.kill(before[name], signal.SIGKILL)

    def replaced() -> bool:
        now = {p["name"]: p["pid"] for p in system.status()["processes"]}
        return all(
            now.get(name, before[name]) != before[name]
            for name in ("worker1", "gateway", "valkey", "postgres")
        )

    wait_until(replaced, "four processes replaced", 20)
    wait_until(lambda: status_of(f"{system.url}/") == 200, "the storefront answers", 20)
    after = {p["name"]: p["pid"] for p in system.status()["processes"]}
    assert {name: after[name] for name in ("up", "web", "worker2")} == {
        name: before[name] for name in ("up", "web", "worker2")
    }
    assert "worker1 ended (killed by SIGKILL); starting it again in 0.5 s" in system.said
