"""The suite's own pytest plugin, loaded with `-p` before any settings are: servers for the tests, and which tests run.

Servers are embedded ones on a folder that is thrown away, unless `--broker` or `--database` name others; they stop with the
run, also when it is killed. Tests a flag has not asked for are deselected, never skipped: a skip would look like a promise kept.
"""

from __future__ import annotations

import argparse
import atexit
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import pytest

from config.system.boot.paths import DataFolder
from config.system.servers.embedded import EmbeddedServers
from tests.roles import OWNER, SUPERUSER, let_tests_set_parameters

_SHARED = "ORDERLY_TEST_SERVERS"
"""Set in the environment once servers are there: the parallel workers of one run share them."""


def _options() -> argparse.Namespace:
    """Return the options that decide about servers; pytest itself reads them only after the settings."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--broker", default="")
    parser.add_argument("--database", default="")
    parser.add_argument("--pooled", action="store_true")
    return parser.parse_known_args(sys.argv[1:])[0]


def _start_servers() -> None:
    chosen = _options()
    # What a person's shell says of their own servers is not meant for tests, which write and throw away.
    for name in (
        "DATABASE_URL",
        OWNER,
        "CELERY_BROKER_URL",
        "CELERY_RESULT_BACKEND",
        "ORDERLY_ENV",
        "ORDERLY_DATA_DIR",
        "ORDERLY_POOLED",
    ):
        os.environ.pop(name, None)
        os.environ.pop(f"{name}_FILE", None)
    os.environ.update(
        {k: v for k, v in {"DATABASE_URL": chosen.database, "CELERY_BROKER_URL": chosen.broker}.items() if v}
    )
    if chosen.pooled:
        os.environ["ORDERLY_POOLED"] = "1"
    # Where the environment forbids bytecode (images often do), hundreds of processes would each compile every module anew.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    # Ended from outside, as a time limit does it: pytest stops as after Ctrl-C, and what was made for it is removed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    folder = Path(tempfile.mkdtemp(prefix="orderly-test-"))
    servers = EmbeddedServers(DataFolder(folder), throw_away=True)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(servers.stop)
    servers.start(tied=True)
    os.environ.update(servers.environment())
    os.environ.setdefault(OWNER, os.environ["DATABASE_URL"])
    os.environ[SUPERUSER] = servers.postgres.superuser_url if servers.postgres else chosen.database
    let_tests_set_parameters()
    # A suite posts faster than any person; what tests the limits switches them on.
    os.environ["ORDERLY_THROTTLING"] = "off"
    # The transaction around a test may stay open while the test waits for a process.
    os.environ["ORDERLY_IDLE_IN_TRANSACTION_SECONDS"] = "600"
    os.environ[_SHARED] = str(folder)


def _take_own_databases(worker: str) -> None:
    """Give a parallel worker Redis databases of its own: two of them must not eat each other's messages."""
    number = 2 + 2 * int(worker.removeprefix("gw"))
    for name, database in (("CELERY_BROKER_URL", number), ("CELERY_RESULT_BACKEND", number + 1)):
        parts = urlsplit(os.environ.get(name, ""))
        if parts.scheme in {"redis", "rediss"}:
            os.environ[name] = urlunsplit(parts._replace(path=f"/{database}"))


# A script that starts the suite in the background ignores SIGINT for it; every process a test means to interrupt would, too.
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.dont_write_bytecode = False  # nor would pytest keep the assertions it has rewritten
if _SHARED not in os.environ:
    _start_servers()
elif "PYTEST_XDIST_WORKER" in os.environ:
    _take_own_databases(os.environ["PYTEST_XDIST_WORKER"])


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options of the suite."""
    group = parser.getgroup("orderly")
    group.addoption(
        "--broker", default="", metavar="URL", help="use this broker; amqp:// selects the rabbitmq tests"
    )
    group.addoption("--database", default="", metavar="URL", help="use this PostgreSQL server")
    group.addoption(
        "--pooled", action="store_true", help="say that --database is a pooler in transaction mode"
    )
    group.addoption("--browser", action="store_true", help="select the browser tests as well")
    group.addoption("--proxies", action="store_true", help="select the tests behind nginx and Caddy as well")
    group.addoption(
        "--wheel", action="store_true", help="select the tests of the wheel that is installed as well"
    )
    group.addoption(
        "--matrix", action="store_true", help="select the wheel's tests with each version as well"
    )
    group.addoption("--durability", action="store_true", help="select the long durability tests as well")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what no flag has asked for."""
    unasked = set()
    if not config.getoption("--browser"):
        unasked.add("browser")
    if not config.getoption("--proxies"):
        unasked.add("proxies")
    if not config.getoption("--durability"):
        unasked.add("durability")
    if not config.getoption("--wheel"):
        unasked.add("wheel")
    if not config.getoption("--matrix"):
        unasked.add("matrix")
    if not os.environ["CELERY_BROKER_URL"].startswith("amqp"):
        unasked.add("rabbitmq")
    out = [item for item in items if any(item.get_closest_marker(name) for name in unasked)]
    if out:
        config.hook.pytest_deselected(items=out)
        items[:] = [item for item in items if item not in set(out)]


@pytest.fixture(scope="session", autouse=True)
def _quickly_emptied() -> None:
    from tests.emptying import install

    install()


@pytest.fixture(scope="session", autouse=True)
def _passwords_hashed_quickly() -> Iterator[None]:
    """Hash in one round: Django's million rounds would cost half a second for each person that a test makes or signs in."""
    from django.test import override_settings

    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield


@pytest.fixture
def process_environment(django_db_setup: None) -> dict[str, str]:
    """Return the environment for a process a test starts, so that it works on the test's own database."""
    from django.db import connection

    settings = connection.settings_dict
    address = f"{quote(settings['USER'])}:{quote(settings['PASSWORD'], safe='')}@{settings['HOST']}:{settings['PORT']}"
    return {
        **os.environ,
        "DATABASE_URL": f"postgres://{address}/{settings['NAME']}",
        OWNER: urlunsplit(urlsplit(os.environ[OWNER])._replace(path=f"/{settings['NAME']}")),
    }
