"""What can be no data folder is refused in a sentence, before anything is started or made."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.system.boot.entry import take_data_folder
from config.system.boot.paths import DataFolder
from config.system.boot.progress import Refusal


@pytest.fixture(autouse=True)
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ORDERLY_DATA_DIR", raising=False)
    (tmp_path / "file").write_text("")
    return tmp_path


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("", "--data-dir names no folder; write --data-dir FOLDER"),
        (" ", "--data-dir names no folder"),
        ("file", "is a file. Choose another: --data-dir FOLDER"),
        ("file/below/it", "file is a file. Choose another: --data-dir FOLDER"),
        ("x" * 5_000, "cannot be used: File name too long. Choose another"),
        ("~nobody-of-that-name/x", "begins with an account that does not exist here; write the whole path"),
    ],
)
def test_what_can_be_no_folder_is_refused(given: str, told: str, somewhere: Path) -> None:
    with pytest.raises(Refusal) as refused:
        take_data_folder(["saga", "list", "--data-dir", given])
    assert told in str(refused.value)
    assert len(str(refused.value)) < 500
    assert [path.name for path in somewhere.iterdir()] == ["file"]


def test_so_is_one_that_the_environment_names(somewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERLY_DATA_DIR", str(somewhere / "file"))
    with pytest.raises(Refusal, match="is a file"):
        take_data_folder(["status"])


def test_one_that_cannot_be_made_is_refused_where_it_is_made() -> None:
    folder, rest = take_data_folder(["status", "--data-dir", "/proc/nowhere"])
    assert rest == ["status"]
    with pytest.raises(
        Refusal, match=r"/proc/nowhere cannot be used: .*\. Choose another: --data-dir FOLDER"
    ):
        folder.make()


def test_one_that_is_not_there_yet_is_made(somewhere: Path) -> None:
    folder, rest = take_data_folder(["saga", "list", "--data-dir", "deep/below"])
    assert (folder, rest) == (DataFolder(somewhere / "deep" / "below"), ["saga", "list"])
    folder.make()
    assert folder.mail.is_dir()
