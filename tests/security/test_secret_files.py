"""Every secret that the project reads from the environment may be in a file, and no word of it is in what is said about one that will not do."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from config.system.boot.paths import PROJECT, DataFolder
from config.system.boot.progress import Refusal
from config.system.boot.secret_files import SECRETS, file_of, read_secret_files
from config.system.servers import remembered
from payments.conf import GATEWAY
from shipping.conf import CARRIER
from tests.bootstrap.running_system import clean_environment, manage
from tests.security.test_production_settings import production, run

APPS = ("config", "orchestration", "orders", "payments", "shipping", "notifications")
READS = re.compile(r"""(?:environ(?:\.get)?[(\[]|required\(|pairs\(|_value\(|outside\.get\()[^\n]*""")
SECRET = re.compile(
    r'"((?:[A-Z]+_)*(?:SECRET|PASSWORD|TOKENS?|SECRET_KEY|BASIC_AUTH|(?:DATABASE|BROKER|LIMITS)_URL|RESULT_BACKEND))"'
)
NOT_OF_THE_ENVIRONMENT = {"SECRET"}
"""How the name of a provider's secret ends; `PROVIDERS` are the names that its settings put together."""
PROVIDERS = {f"{each.variable}_SECRET" for each in (GATEWAY, CARRIER)}
WHAT_SETTINGS_HOLD = """
import json, django
django.setup()
from django.conf import settings
from payments import conf as payments
from shipping import conf as shipping
print(json.dumps({
    "SECRET_KEY": settings.SECRET_KEY,
    "DATABASE_URL": settings.DATABASES["default"]["PASSWORD"],
    "ORDERLY_OWNER_DATABASE_URL": settings.DATABASES["owner"]["PASSWORD"],
    "CELERY_BROKER_URL": settings.CELERY_BROKER_URL,
    "CELERY_RESULT_BACKEND": settings.CELERY_RESULT_BACKEND,
    "ORDERLY_API_TOKENS": settings.ORDERLY_API_TOKENS["operator"],
    "ORDERLY_GATEWAY_SECRET": payments.GATEWAY.secret,
    "ORDERLY_CARRIER_SECRET": shipping.carrier_secrets()[0].decode(),
    "ORDERLY_SMTP_PASSWORD": settings.EMAIL_HOST_PASSWORD,
    "ORDERLY_LIMITS_URL": settings.ORDERLY_LIMITS_URL,
}))
"""


def put(folder: Path, content: str | bytes) -> str:
    file = folder / f"secret-{len(list(folder.iterdir()))}"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(file)


def test_every_secret_that_is_read_from_the_environment_may_be_in_a_file() -> None:
    read = {
        name
        for app in APPS
        for source in (PROJECT / app).rglob("*.py")
        for line in READS.findall(source.read_text())
        for name in SECRET.findall(line)
    }
    assert {"SECRET_KEY", "DATABASE_URL", "ORDERLY_GATEWAY_SECRET", "ORDERLY_SMTP_PASSWORD"} <= read
    assert (read - NOT_OF_THE_ENVIRONMENT) | PROVIDERS <= SECRETS


@pytest.mark.parametrize("name", sorted(SECRETS))
@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_it_is_what_stands_in_the_file(tmp_path: Path, name: str, end: str) -> None:
    file = put(tmp_path, f"a secret with = and spaces {end}")
    environment = {f"{name}_FILE": file, "OTHER_FILE": "untouched"}
    read_secret_files(environment)
    read_secret_files(environment)
    assert environment == {name: "a secret with = and spaces ", "OTHER_FILE": "untouched"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "single line"),
        ("\n", "single line"),
        ("  \n", "single line"),
        ("hidden\nhidden", "single line"),
        ("hid\0den", "single line"),
        ("hidden" * 20_000, "single line"),
        (b"hidden\xff\xfe", "holds no text"),
    ],
)
def test_a_file_that_will_not_do_is_refused_without_a_word_of_it(
    tmp_path: Path, content: str | bytes, said: str
) -> None:
    with pytest.raises(Refusal) as refused:
        read_secret_files({"SECRET_KEY_FILE": put(tmp_path, content)})
    assert said in str(refused.value)
    assert "SECRET_KEY_FILE" in str(refused.value)
    assert "hid" not in str(refused.value)


def test_a_file_that_is_not_there_and_a_secret_given_twice_are_refused(tmp_path: Path) -> None:
    for missing in (tmp_path / "missing", tmp_path):
        with pytest.raises(Refusal, match="cannot be read"):
            read_secret_files({"DATABASE_URL_FILE": str(missing)})
    with pytest.raises(Refusal, match="are both set"):
        read_secret_files({"DATABASE_URL": "x", "DATABASE_URL_FILE": put(tmp_path, "y")})
    unset = {"DATABASE_URL_FILE": ""}
    read_secret_files(unset)
    assert unset == {"DATABASE_URL_FILE": ""}


def test_a_process_that_manage_py_did_not_start_reads_its_files(tmp_path: Path) -> None:
    secrets = {
        "SECRET_KEY": "the-key-that-signs-sessions-and-is-long-enough-for-production-0123456789",
        "DATABASE_URL": "postgres://web:of-web@db.example/orderly?sslmode=verify-full",
        "ORDERLY_OWNER_DATABASE_URL": "postgres://owner:of-owner@db.example/orderly?sslmode=verify-full",
        "CELERY_BROKER_URL": "amqps://web:of-broker@rabbit.example//",
        "CELERY_RESULT_BACKEND": "rediss://:of-results@redis.example/1?ssl_cert_reqs=required",
        "ORDERLY_LIMITS_URL": "rediss://:of-limits@redis.example/2?ssl_cert_reqs=required",
        "ORDERLY_API_TOKENS": "operator=of-the-operator",
        "ORDERLY_GATEWAY_SECRET": "of-the-gateway-and-long-enough-01",
        "ORDERLY_CARRIER_SECRET": "of-the-carrier-and-long-enough-01",
        "ORDERLY_SMTP_PASSWORD": "of-mail",
    }  # fmt: skip
    folder = tmp_path / "run" / "secrets"
    folder.mkdir(parents=True)
    files = {f"{name}_FILE": put(folder, f"{value}\n") for name, value in secrets.items()}
    environment = production(
        tmp_path, **dict.fromkeys(secrets, ""), **files, ORDERLY_SMTP_HOST="mail.example"
    )
    ended = run(environment, "-c", WHAT_SETTINGS_HOLD)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout) == {
        **secrets,
        "DATABASE_URL": "of-web",
        "ORDERLY_OWNER_DATABASE_URL": "of-owner",
        "ORDERLY_API_TOKENS": "of-the-operator",
    }


def test_such_a_process_says_what_is_wrong_with_a_file(tmp_path: Path) -> None:
    ended = run(production(tmp_path, SECRET_KEY="", SECRET_KEY_FILE="/not/there"), "-m", "django", "check")
    assert ended.returncode != 0
    assert "SECRET_KEY_FILE names /not/there, which cannot be read" in ended.stderr


def test_manage_py_refuses_in_a_sentence(tmp_path: Path) -> None:
    ended = manage("check", folder=tmp_path / "system", environment={"SECRET_KEY_FILE": "/not/there"})
    assert (ended.returncode, "Traceback" in ended.stderr) == (2, False)
    assert "SECRET_KEY_FILE names /not/there, which cannot be read" in ended.stderr


@pytest.mark.parametrize(
    ("module", "name"),
    [("payments.sandbox", "ORDERLY_GATEWAY"), ("shipping.carrier", "ORDERLY_CARRIER")],
)
def test_the_sandboxes_read_their_files(tmp_path: Path, module: str, name: str) -> None:
    """A secret that is too short is refused with its variable's name, so it was read."""
    environment = {
        **clean_environment(),
        f"{name}_PORT": "1",
        f"{name}_LEDGER": str(tmp_path / "ledger"),
        f"{name}_SECRET_FILE": put(tmp_path, "short\n"),
        "ORDERLY_WEB_URL": "http://127.0.0.1:1",
    }
    ended = subprocess.run(
        [sys.executable, "-m", module], cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=30
    )  # fmt: skip
    assert ended.returncode == 2
    assert "in the environment" not in ended.stderr
    assert "short" not in ended.stderr.replace("too short", "")


def test_the_folder_remembers_the_file_and_not_what_it_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = DataFolder(tmp_path / "system")
    folder.make()
    for name in (*remembered.NAMES, remembered.OWNER_URL):
        monkeypatch.setenv(name, "x")  # so that it is taken back after the test
        monkeypatch.delenv(name)
    file, owner = put(tmp_path, "postgres://u:first@db/orderly"), "postgres://o:hidden@db/orderly"
    monkeypatch.setenv("DATABASE_URL_FILE", file)
    monkeypatch.setenv(remembered.OWNER_URL, owner)
    read_secret_files(os.environ)
    assert file_of("DATABASE_URL") == file
    remembered.remember(folder)
    assert "first" not in folder.servers.read_text()
    Path(file).write_text("postgres://u:second@db/orderly")
    for name in ("DATABASE_URL", remembered.OWNER_URL):
        monkeypatch.delenv(name)
    assert remembered.recall(folder) == ["DATABASE_URL", remembered.OWNER_URL]
    assert os.environ["DATABASE_URL"] == "postgres://u:second@db/orderly"
    assert os.environ[remembered.OWNER_URL] == owner


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("postgres://u:p@db/orderly", [remembered.OWNER_URL]),
        ("postgres://u:p@other/orderly", []),
        ("", []),
    ],
)
def test_the_owner_is_recalled_for_its_own_database_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, expected: list[str]
) -> None:
    folder = DataFolder(tmp_path / "system")
    folder.make()
    for name in (*remembered.NAMES, remembered.OWNER_URL):
        monkeypatch.setenv(name, "x")
        monkeypatch.delenv(name)
    monkeypatch.setenv("DATABASE_URL", "postgres://u:p@db/orderly")
    monkeypatch.setenv(remembered.OWNER_URL, "postgres://o:p@db/orderly")
    remembered.remember(folder)
    monkeypatch.delenv(remembered.OWNER_URL)
    monkeypatch.setenv("DATABASE_URL", said)
    assert remembered.recall(folder) == expected
