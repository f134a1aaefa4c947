"""One system in production, and each documented proxy before it."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bootstrap.running_system import RunningSystem, manage
from tests.proxies.documented import HOST, Proxy

ENVIRONMENT = {
    "ORDERLY_ENV": "production",
    "ORDERLY_ALLOWED_HOSTS": HOST,
    "FLOWER_URL_PREFIX": "/flower",
    "ORDERLY_FLOWER_URL": f"https://{HOST}/flower/",
    "ORDERLY_API_ANONYMOUS": "on",
    "ORDERLY_LIMITS": "api-anonymous=3/minute,admin-login-account=4/minute",
    "ORDERLY_WEB_THREADS": "2",
    "ORDERLY_WORKERS": "1",
}

_ACCOUNTS = """
import json
from importlib import import_module
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import Permission, User
store = import_module(settings.SESSION_ENGINE).SessionStore
cookies = {}
for name in ("watcher", "clerk"):
    user = User.objects.create_user(name, password="right-and-long-enough", is_staff=True)
    session = store()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    cookies[name] = f"{settings.SESSION_COOKIE_NAME}={session.session_key}"
User.objects.get(username="watcher").user_permissions.add(Permission.objects.get(codename="view_flower"))
print(json.dumps(cookies))
"""


@pytest.fixture(scope="package")
def system() -> Iterator[RunningSystem]:
    """A system as docs/flower.md starts it."""
    # Outside pytest's own temporary folders, which root closes to the servers' account.
    folder = Path(tempfile.mkdtemp(prefix="orderly-proxies-"))
    manage("collectstatic", "--noinput", folder=folder, environment=ENVIRONMENT)
    running = RunningSystem(folder, environment=ENVIRONMENT).wait_until_ready()
    yield running
    running.stop()
    shutil.rmtree(folder, ignore_errors=True)
    running.output.unlink()


@pytest.fixture(scope="package")
def cookies(system: RunningSystem) -> dict[str, str]:
    """The session cookies of two members of staff: `watcher` may see Flower, `clerk` may do nothing at all."""
    made = manage("shell", "-c", _ACCOUNTS, folder=system.folder, environment=ENVIRONMENT)
    assert made.returncode == 0, made.stderr
    found: dict[str, str] = json.loads(made.stdout.splitlines()[-1])
    return found


@pytest.fixture(scope="package", params=["nginx", "caddy"])
def proxy(
    request: pytest.FixtureRequest, system: RunningSystem, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    """Each documented proxy."""
    started = Proxy(request.param, system, tmp_path_factory.mktemp(request.param))
    yield started
    started.stop()
