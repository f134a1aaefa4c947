"""Flower behind each documented proxy: watched by those who may, and steered by nobody."""

from __future__ import annotations

import base64
import json

import pytest

from tests.bootstrap.running_system import RunningSystem
from tests.proxies.documented import Proxy
from tests.proxies.raw_client import ask, status

pytestmark = pytest.mark.proxies

FORGED = json.dumps({"args": [], "queue": "shipping", "headers": {"task": "shipping.create_label"}}).encode()
SEND = "api/task/send-task/x"
TO_THE_LIST = [
    # What each of these addresses is after `..` and %2e are resolved, is Flower's list of tasks.
    f"/flower/{SEND}/../../../../tasks/datatable",
    f"/flower/{SEND}/%2e%2e/%2E%2e/%2e./../tasks/datatable",
    f"/flower/{SEND}/..%2f..%2f..%2f../tasks/datatable",
    f"/flower/{SEND}/../../../..//tasks/datatable",
    f"/flower//{SEND}/../../../../tasks/datatable",
    f"/x/../flower/{SEND}/../../../../tasks/datatable",
    f"/%66lower/{SEND}/../../../../tasks/datatable",
    f"/flower/{SEND}/../../../../tasks/datatable?x=/flower/tasks/datatable",
    f"/flower/{SEND}",
    "/flower/tasks/datatable/../../api/task/send-task/x",
    "/flower/tasks/datatable?",
]


@pytest.mark.parametrize("path", TO_THE_LIST)
@pytest.mark.parametrize("name", ["clerk", "watcher"])
def test_no_address_sends_a_task(proxy: Proxy, cookies: dict[str, str], name: str, path: str) -> None:
    headers = {"Cookie": cookies[name], "Content-Type": "application/json"}
    assert status(proxy.port, "POST", path, headers, FORGED) in (400, 403, 404)


@pytest.mark.parametrize(
    ("method", "path", "answer"),
    [
        ("GET", "/flower/", 200),
        ("GET", "/flower/workers", 200),
        ("GET", "/flower/tasks?limit=5", 200),
        ("GET", "/flower/static/js/flower.js", 200),
        ("POST", "/flower/tasks/datatable", 200),
        ("GET", "/flower/metrics", 403),
        ("GET", "/flower/tasks/../metrics", 403),
        ("GET", "/flower/healthcheck", 403),
        ("GET", "/flower/api/tasks", 403),
        ("PUT", "/flower/tasks/datatable", 403),
        ("OPTIONS", "/flower/tasks/datatable", 403),
    ],
)
def test_who_may_see_it_sees_pages_and_nothing_else(
    proxy: Proxy, cookies: dict[str, str], method: str, path: str, answer: int
) -> None:
    form = (
        b"draw=1&start=0&length=10&search[value]=&order[0][column]=0&order[0][dir]=asc&columns[0][data]=name"
    )
    headers = {"Cookie": cookies["watcher"], "Content-Type": "application/x-www-form-urlencoded"}
    assert status(proxy.port, method, path, headers, form if method == "POST" else b"") == answer


@pytest.mark.parametrize("path", ["/flower/", "/flower/tasks", "/flower/static/js/flower.js"])
def test_an_account_without_the_permission_sees_nothing(
    proxy: Proxy, cookies: dict[str, str], path: str
) -> None:
    assert status(proxy.port, "GET", path, {"Cookie": cookies["clerk"]}) == 403


def test_who_has_not_signed_in_is_sent_to_the_login(proxy: Proxy, system: RunningSystem) -> None:
    response = ask(proxy.port, "GET", "/flower/tasks?limit=5")
    assert response.status == 302
    assert "/admin/login/?next=" in (response.getheader("Location") or "")


@pytest.mark.parametrize(
    ("method", "path", "answer"),
    [
        ("POST", "/flower/api/task/send-task/orders.accept", 403),
        ("POST", "/flower/api/task/apply/orders.accept", 403),
        ("POST", "/flower/api/worker/shutdown/worker1", 403),
        ("POST", "/flower/tasks/datatable/", 403),
        ("POST", "/flower/api/task/send-task/x/../../../../tasks/datatable", 403),
        ("GET", "/flower/metrics", 200),
        ("GET", "/flower/tasks", 200),
    ],
)
def test_with_its_password_flower_itself_only_reads(
    system: RunningSystem, method: str, path: str, answer: int
) -> None:
    password = json.loads((system.folder / "secrets.json").read_text())["flower_password"]
    login = base64.b64encode(f"admin:{password}".encode()).decode()
    headers = {"Authorization": f"Basic {login}", "Content-Type": "application/json"}
    response = ask(system.flower_port, method, path, headers, FORGED if method == "POST" else b"", tls=False)
    assert response.status == answer


def test_without_its_password_flower_tells_no_numbers(system: RunningSystem) -> None:
    assert ask(system.flower_port, "GET", "/flower/metrics", tls=False).status == 401
