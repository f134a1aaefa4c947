"""Small decisions of the bootstrap, each with the failure it prevents."""

from __future__ import annotations

import shlex
import socket
from pathlib import Path

import pytest

from config.system.boot import paths
from config.system.boot.entry import take_data_folder
from config.system.boot.paths import DataFolder
from config.system.boot.pip_settings import settings_for_uv
from config.system.boot.progress import Refusal
from config.system.servers.credentials import load_credentials
from config.system.servers.outside import refuse_unreachable_broker, refuse_unreachable_database
from config.system.servers.ports import Ports, free_port, is_free
from config.system.supervisor import options
from tests.bootstrap.running_system import manage


@pytest.mark.parametrize(
    "arguments",
    [
        ["--data-dir", "/x/y", "shell", "-c", "1"],
        ["shell", "--data-dir=/x/y", "-c", "1"],
        ["shell", "-c", "1", "--data-dir", "/x/y"],
    ],
)
def test_the_data_folder_is_taken_out_wherever_it_stands(arguments: list[str]) -> None:
    folder, rest = take_data_folder(arguments)
    assert (folder.root, rest) == (Path("/x/y"), ["shell", "-c", "1"])


def test_the_data_folder_comes_from_the_environment_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERLY_DATA_DIR", "/from/environment")
    assert take_data_folder(["status"])[0].root == Path("/from/environment")


def test_two_checkouts_of_root_have_different_data_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "as_root", lambda: True)
    monkeypatch.setattr(paths, "PROJECT", Path("/a/orderly"))
    first = paths.default_data_folder()
    monkeypatch.setattr(paths, "PROJECT", Path("/b/orderly"))
    second = paths.default_data_folder()
    assert first.parent == second.parent == Path("/var/lib/orderly")
    assert first != second


def test_an_ordinary_user_keeps_everything_below_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "as_root", lambda: False)
    assert paths.default_data_folder() == paths.PROJECT / ".orderly"


def test_pips_settings_reach_uv_and_uvs_own_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "https://one.example/simple")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "https://two.example/simple\nhttps://three.example/simple")
    monkeypatch.setenv("PIP_FIND_LINKS", "/a /b")
    monkeypatch.setenv("PIP_CERT", "/from/pip.pem")
    monkeypatch.setenv("SSL_CERT_FILE", "/from/me.pem")
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    settings = settings_for_uv(None)
    assert settings["UV_DEFAULT_INDEX"] == "https://one.example/simple"
    assert settings["UV_INDEX"] == "https://two.example/simple https://three.example/simple"
    assert settings["UV_FIND_LINKS"] == "/a,/b"
    assert settings["SSL_CERT_FILE"] == "/from/me.pem"
    assert settings["UV_PYTHON_DOWNLOADS"] == "never"


def test_a_port_is_kept_from_run_to_run_while_it_is_free(tmp_path: Path) -> None:
    file = tmp_path / "ports.json"
    port = Ports(file).choose("valkey")
    assert Ports(file).choose("valkey") == port


def test_a_port_someone_listens_on_is_not_free() -> None:
    port = free_port()
    assert is_free("127.0.0.1", port)
    with socket.create_server(("127.0.0.1", port)):
        assert not is_free("127.0.0.1", port)


def test_secrets_stay_the_same_once_made(tmp_path: Path) -> None:
    assert load_credentials(tmp_path / "s.json") == load_credentials(tmp_path / "s.json")


def test_a_home_is_never_opened_for_the_servers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import pwd

    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    monkeypatch.setattr(paths, "as_root", lambda: True)
    monkeypatch.setattr(pwd, "getpwall", lambda: [pwd.struct_passwd(("ann", "x", 1, 1, "", str(home), ""))])
    with pytest.raises(Refusal, match="someone's home"):
        DataFolder(home).make()
    assert home.stat().st_mode & 0o777 == 0o700


def test_an_unreachable_server_is_named_without_its_password() -> None:
    port = free_port()
    with pytest.raises(Refusal, match=f"127.0.0.1:{port}") as refused:
        refuse_unreachable_database(f"postgres://me:hidden-word@127.0.0.1:{port}/db")
    assert "hidden-word" not in str(refused.value)
    for url in (f"redis://:hidden-word@127.0.0.1:{port}/0", f"amqp://me:hidden-word@127.0.0.1:{port}//"):
        with pytest.raises(Refusal, match=f"127.0.0.1:{port}") as refused:
            refuse_unreachable_broker(url)
        assert "hidden-word" not in str(refused.value)


def test_the_suite_on_an_unreachable_server_ends_with_status_two(tmp_path: Path) -> None:
    ended = manage("test", "--database", f"postgres://me@127.0.0.1:{free_port()}/db", folder=tmp_path)
    assert ended.returncode == 2
    assert "cannot be used" in ended.stderr


def test_a_command_that_is_printed_names_the_folder_and_can_be_typed(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / 'shop "one" & $HOME')
    folder.make()
    told = manage("status", folder=folder.root).stdout
    command = told.partition("Start it: ")[2].strip()
    assert shlex.split(command) == ["python3", "manage.py", "up", "--data-dir", str(folder.root)]
    assert DataFolder(paths.default_data_folder()).command("down") == "python3 manage.py down"


def test_a_taken_port_is_answered_with_a_command_for_this_folder_and_the_ports_that_were_chosen(
    tmp_path: Path,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        other = free_port()
        chosen = options.parse(["--port", str(port), "--flower-port", str(other)])
        with pytest.raises(Refusal) as refused:
            options.refuse_taken_ports(chosen, DataFolder(tmp_path / "a b"))
    words = shlex.split(str(refused.value).partition("): ")[2])
    assert words[:3] == ["python3", "manage.py", "up"]
    again = options.parse(words[3:])
    assert (again.port, again.flower_port, again.data_dir) == (port + 1, other, str(tmp_path / "a b"))
