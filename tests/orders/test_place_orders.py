"""The command `place_orders`: good lines are placed, bad ones named, and nobody waits for workers that are not there."""

from __future__ import annotations

import io
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from orchestration.models import Saga
from orders.models import Order, OrderLine, Product
from tests.orders.northwind_oracle import FOLDER

pytestmark = pytest.mark.django_db
File = Callable[..., Path]


@pytest.fixture
def file(tmp_path: Path) -> File:
    def write(*lines: Any) -> Path:
        path = tmp_path / "orders.jsonl"
        raw = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
        path.write_bytes(b"\n".join(raw) + b"\n")
        return path

    return write


def run(*arguments: str) -> tuple[dict[str, Any], CommandError | None]:
    """The JSON object on the last line of stdout, and the error the command ended with."""
    out, error = io.StringIO(), None
    try:
        call_command("place_orders", *arguments, "--json", stdout=out)
    except CommandError as caught:
        error = caught
    lines = out.getvalue().splitlines()
    return (json.loads(lines[-1]) if lines else {}), error


def test_all_northwind_orders_are_placed_once_however_often_the_file_is_given(db: None) -> None:
    rows = json.loads((FOLDER / "catalog.json").read_text())["products"]
    Product.objects.bulk_create(
        Product(sku=row["sku"], name=row["name"], price_minor=1, currency="USD") for row in rows
    )
    summary, error = run(str(FOLDER / "orders.jsonl"))
    assert error is None
    assert (summary["placed"], summary["existing"], summary["errors"]) == (600, 0, [])
    assert summary["endings"] == {"shipped": 0, "backordered": 0, "cancelled": 0}
    again, error = run(str(FOLDER / "orders.jsonl"))
    assert error is None
    assert (again["placed"], again["existing"], again["errors"]) == (0, 600, [])
    assert Order.objects.count() == Saga.objects.count() == 600
    assert set(Order.objects.values_list("card", flat=True)) == {"card_ok"}
    assert Order.objects.get(reference="NW-10249").customer_name == "Toms Spezialitäten"


def test_bad_lines_are_named_and_good_ones_placed(
    catalog: None, file: File, order_json: dict[str, Any]
) -> None:
    other = {**order_json, "lines": [{"sku": "NW-11", "quantity": 1}]}
    path = file(
        b"\xef\xbb\xbf" + json.dumps(order_json).encode(),
        b"",
        order_json,
        other,
        b"{broken",
        b'{"a": NaN}',
        [1],
        {**order_json, "reference": "NW-2", "lines": [{"sku": "NOPE", "quantity": 1}]},
        {**order_json, "reference": "NW-3", "lines": [{"sku": "NW-11", "quantity": 0}]},
        b'{"a": "\xff"}',
        b"[" * 30_000,
        b" " * 70_000 + b"{}",
        {**order_json, "reference": "NW-4", "card": "card_declined"},
    )
    summary, error = run(str(path))
    assert (summary["placed"], summary["existing"]) == (2, 1)
    reasons = {entry["line"]: entry["reason"] for entry in summary["errors"]}
    assert list(reasons) == [4, 5, 6, 7, 8, 9, 10, 11, 12]
    assert "belongs to an order with other content" in reasons[4]
    assert "is not JSON" in reasons[5]
    assert "NaN" in reasons[6]
    assert "must be a JSON object" in reasons[7]
    assert "lines[0].sku: no product has the SKU 'NOPE'" in reasons[8]
    assert "lines[0].quantity: must be a whole number" in reasons[9]
    assert "UTF-8" in reasons[10]
    assert "nested" in reasons[11]
    assert "longer than 65536 bytes" in reasons[12]
    assert error is not None
    assert error.returncode == 1
    assert "line 8: lines[0].sku" in str(error)
    assert set(Order.objects.values_list("reference", "card")) == {
        ("NW-1", "card_ok"),
        ("NW-4", "card_declined"),
    }
    assert OrderLine.objects.count() == 4


def test_an_empty_file_is_no_error(file: File) -> None:
    summary, error = run(str(file()))
    assert error is None
    assert (summary["placed"], summary["errors"]) == (0, [])


@pytest.mark.parametrize("name", ["none.jsonl", "."])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    summary, error = run(str(tmp_path / name))
    assert summary == {}
    assert error is not None
    assert "cannot read" in str(error)


@pytest.mark.parametrize("option", ["--wait", "--sequential"])
def test_without_a_worker_nothing_is_placed_and_the_status_is_2(
    catalog: None, file: File, order_json: dict[str, Any], option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Another test's worker may answer on the shared broker; the question itself is tested in test_workers.
    monkeypatch.setattr(
        "orders.management.commands.place_orders.missing_workers", lambda: "no worker is running; start one"
    )
    summary, error = run(str(file(order_json)), option)
    assert summary == {}
    assert error is not None
    assert error.returncode == 2
    assert "nothing was placed: no worker is running" in str(error)
    assert not Order.objects.exists()


@pytest.mark.parametrize("option", ["--wait", "--sequential"])
def test_when_the_workers_go_away_what_is_placed_is_reported_and_the_status_is_2(
    catalog: None, file: File, order_json: dict[str, Any], option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([None, "no worker is running; start one"])
    monkeypatch.setattr("orders.management.commands.place_orders.missing_workers", lambda: next(answers))
    monkeypatch.setattr("orders.batch.following.QUIET_FOR", 0.2)
    summary, error = run(str(file(order_json, {**order_json, "reference": "NW-2"})), option)
    assert summary["placed"] == (2 if option == "--wait" else 1)
    assert summary["endings"] == {"shipped": 0, "backordered": 0, "cancelled": 0}
    assert error is not None
    assert error.returncode == 2
    assert "nothing has moved" in str(error)
    assert Order.objects.count() == summary["placed"]


def _piped(content: bytes) -> Any:
    return type("Input", (), {"buffer": io.BytesIO(content)})()


def test_what_comes_by_a_pipe_is_read_once_and_placed(
    catalog: None, tmp_path: Path, order_json: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    line = json.dumps(order_json).encode() + b"\n"
    monkeypatch.setattr("sys.stdin", _piped(line))
    summary, error = run("-")
    assert (summary["placed"], error) == (1, None)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(line))
    writer.start()
    summary, error = run(str(pipe))
    writer.join(timeout=30)
    assert (summary["placed"], summary["existing"], error) == (0, 1, None)


def test_waiting_ends_when_it_was_told_to_and_says_what_it_waited_for(
    catalog: None, file: File, order_json: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orders.management.commands.place_orders.missing_workers", lambda: None)
    summary, error = run(str(file(order_json)), "--wait", "--at-most", "0.2")
    assert (summary["placed"], summary["endings"]["shipped"]) == (1, 0)
    assert error is not None
    assert (error.returncode, str(error)) == (3, "after 0.2 seconds it still waits for NW-1 (accepted).")


def test_while_nothing_moves_it_says_what_it_waits_for(
    catalog: None, file: File, order_json: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr("orders.management.commands.place_orders.missing_workers", lambda: None)
    monkeypatch.setattr("orders.batch.following.QUIET_FOR", 0.1)
    run(str(file(order_json)), "--wait", "--at-most", "0.6")
    assert "it waits for NW-1 (accepted)." in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["--at-most", "5"], ["--wait", "--at-most", "0"], ["--wait", "--at-most", "inf"]]
)
def test_a_limit_that_makes_no_sense_is_refused(file: File, arguments: list[str]) -> None:
    summary, error = run(str(file()), *arguments)
    assert (summary, error is not None) == ({}, True)
