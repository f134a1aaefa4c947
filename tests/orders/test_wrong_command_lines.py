"""Whatever is typed in whatever place of whatever command: it is right there, or a sentence says what to write and nothing is written."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from config.system.boot.progress import Refusal
from config.system.servers.outside import refuse_unreachable_broker, refuse_unreachable_database
from config.system.supervisor import options
from orchestration import command_line
from orchestration.errors import InvalidDecision
from orchestration.models import Incident, OutboxMessage, Saga, SagaEvent, SagaStep
from orchestration.services import cancel_saga, pause_saga, resume_saga, retry_step
from orders.models import Order, Product
from shipping.models import Stock
from tests.orders.command_lines import (
    HERE,
    PYTHONS,
    TEXTS,
    Place,
    files,
    our_commands,
    places,
    rows,
    type_in,
)
from tests.orders.fulfilment import fulfil, stock

LABEL = "shipping.create_label"
pytestmark = pytest.mark.django_db
TABLES = (Saga, SagaStep, SagaEvent, Incident, OutboxMessage, Order, Product, Stock)
LONG = {"a number of 5,000 digits", "a long text", "JSON in JSON"}
UNSTORABLE = {"nothing", "blank", "a zero character", "a byte that is no text"}
TEXT = TEXTS.keys() - LONG - UNSTORABLE
RIGHT: dict[str, set[str]] = {
    "saga list --definition": TEXT,
    "saga show --before": set(),
    "saga retry --reason": TEXT,
    "saga retry --by": TEXT,
    "saga pause --reason": TEXT,
    "saga pause --by": TEXT,
    "saga resume --reason": TEXT,
    "saga resume --by": TEXT,
    "saga key source": TEXT,
    "prune --pause": {"zero", "a fraction"},
    "place_orders file": {"no bytes"},
    "migrate --lock-seconds": {"zero", "a fraction"},
    "chaos --kills": {"zero"},
    "chaos --seed": {"zero"},
    "chaos --minutes": {"a fraction"},
}
"""What may stand there, of all that is tried; in every other place nothing of it."""
RUN_SOMETHING = {"bench", "chaos", "crash_matrix", "migrate", "prune"}
"""What they do is tried elsewhere; here only what they understand."""


@pytest.fixture
def waiting(catalog: None) -> str:
    """The id of a saga that waits for a person."""
    stock(NW_11=9)
    _, run = fulfil(("NW-11", 1), fail_at=[LABEL])
    run.until(lambda each: bool(each.incidents))
    return str(run.id)


@pytest.fixture
def good(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """What is right in each place that needs something; for `saga`, a saga that waits for a person."""
    place, ref = getattr(request.node, "callspec", None), "none"
    if place is None or "place" not in place.params or place.params["place"].command == "saga":
        ref = request.getfixturevalue("waiting")
    orders = tmp_path / "orders.jsonl"
    orders.write_text("")
    return {
        "ref": ref, "step": LABEL, "reason": "because", "message": "1", "source": "x",
        "definition": "orders.fulfil", "file": str(orders), "sku": "NW-11", "quantity": "1",
    }  # fmt: skip


def _tries(place: Place, folder: Path) -> dict[str, str]:
    found = dict(TEXTS)
    if place.option == "file":
        found |= {name: str(path) for name, path in files(folder).items()}
    if place.command == "bench" and place.option == "--write":
        return {name: TEXTS[name] for name in ("nothing", "blank", "a zero character", *LONG)}
    if place.option in ("--out", "--write"):
        # What is a name for a file is a file: only what cannot be one is tried.
        found = {
            name: TEXTS[name]
            for name in (*UNSTORABLE - {"a byte that is no text"}, *LONG, "a folder", "a path to nowhere")
        }
    if place.command == "prune":
        found["a digit of another script"] = "٩٠d"
    return found


@pytest.mark.parametrize("place", list(places()), ids=str)
def test_what_cannot_stand_there_is_answered_in_a_sentence_and_writes_nothing(
    place: Place, good: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if place.command in RUN_SOMETHING:
        monkeypatch.setattr(type(our_commands()[place.command]), "handle", lambda *args, **options: None)
    words = place.words(good)
    before, right = [rows(table) for table in TABLES], RIGHT.get(str(place), set())
    wrongly = []
    for name, text in _tries(place, tmp_path).items():
        line = [word.replace(HERE, text) for word in words]
        with transaction.atomic():
            answer = type_in(line)
            transaction.set_rollback(answer.status == 0)
        if (answer.status == 0) is not (name in right):
            wrongly.append((name, answer.status, answer.said[-200:]))
        if answer.status:
            assert answer.said.strip(), name
            assert len(answer.said) < 4_000, (name, answer.said[:500])
            assert PYTHONS.search(answer.said) is None, (name, answer.said[-300:])
            assert "\x1b" not in answer.said, name
    assert wrongly == []
    assert [rows(table) for table in TABLES] == before


@pytest.mark.parametrize("decision", ["retry", "skip", "settle"])
def test_a_step_that_the_flow_does_not_have_is_answered_with_those_it_has(
    decision: str, good: dict[str, str]
) -> None:
    more = ["--done"] if decision == "settle" else []
    answer = type_in(["saga", decision, good["ref"], "shipping.make_label", "--reason=r", *more])
    assert answer.status == 1
    assert "has no step 'shipping.make_label'; it has orders.accept, " in answer.said


def test_every_command_of_the_project_is_tried() -> None:
    tried = {place.command for place in places()}
    assert our_commands().keys() - tried == {"verify", "saga_check", "prepare"}  # they take no value


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("saga list --limit=x", "'x' is no whole number from 1 to 1000000; write one, such as 5"),
        ("saga list --state=lost", "invalid choice: 'lost'; write one of accepted, running"),
        ("saga show nobody", "no saga has the id, reference or business key 'nobody'; `python3 manage.py saga list` shows the newest"),
        ("saga graph orders.fulfil@x", "'orders.fulfil@x': write a version as a number, for example orders.fulfil@1"),
        ("saga graph orders.fulfil@99999999999", "write a version as a number"),
        ("saga graph orders.fulfil@²", "write a version as a number"),
        ("prune --batch=0", "'0' is no whole number from 1 to 10000"),
        ("prune --pause=x", "'x' is no number of seconds from 0 to 60"),
        ("restock NW-11 9000000000000000000", "is no whole number from -2147483647 to 2147483647"),
        ("restock NW-11 2000000000", "add at most 1000000 units at once. Nothing was added."),
        ("restock --all 99999999999999999999999", "--all takes a number of units, not '99999999999999999999999'."),
        ("restock --all x", "--all takes a number of units, not 'x'."),
        ("place_orders /nowhere --at-most=0 --wait", "'0' is no number of seconds above 0"),
        ("place_orders /nowhere", "cannot read '/nowhere': No such file or directory"),
        ("place_orders /", "cannot read '/': Is a directory"),
        ("import_catalog /", "cannot read '/': Is a directory"),
        ("saga settle x y --done --reason=r --result=[1]", 'write a JSON object, such as {"refund_id": "re_1"}'),
        ("saga settle x y --done --reason=r --result={", "this is not JSON: Expecting property name"),
        ("migrate --tries=x", "'x' is no whole number from 1 to 100000"),
        ("crash_matrix --third=4", "invalid choice: '4'; write one of 1, 2, 3"),
    ],
)  # fmt: skip
def test_the_sentence_says_what_to_write(line: str, told: str, catalog: None) -> None:
    answer = type_in(line.split())
    assert answer.status in (1, 2)
    assert told in answer.said


def _refusing(act: Callable[..., Any]) -> Callable[..., Any]:
    def refused(path: Path, *args: Any, **options: Any) -> Any:
        if path.name == "f.json":
            raise PermissionError(13, "Permission denied")
        return act(path, *args, **options)

    return refused


def test_a_file_that_cannot_be_read_is_named(
    good: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("open", "read_text", "write_text"):
        monkeypatch.setattr(Path, name, _refusing(getattr(Path, name)))
    for line in ("place_orders f.json", "import_catalog f.json", "saga graph orders.fulfil --out=f.json"):
        answer = type_in(line.split())
        assert answer.status == 1
        assert "'f.json': Permission denied" in answer.said


@pytest.mark.parametrize(
    "given", ["", "x", "[]", "null", "{}", '{"generated": 1', "[" * 100_000, '{"chosen": "x"}']
)
def test_what_up_hands_on_is_looked_at(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", StringIO(given))
    answer = type_in(["prepare"])
    assert answer.status == 1
    assert 'write {"generated": "...", "chosen": "..."}' in answer.said


@pytest.mark.parametrize("option", ["--port", "--flower-port"])
def test_a_port_is_a_number(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    for text in TEXTS.values():
        if "\0" in text:
            continue
        with pytest.raises(SystemExit) as ended:
            options.parse([f"{option}={text}"])
        said = capsys.readouterr().err
        assert (ended.value.code, PYTHONS.search(said)) == (2, None), said
        assert "is not a port; give a number from 1 to 65535" in said


def test_a_host_has_a_name(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("nothing", "blank", *LONG):
        with pytest.raises(SystemExit):
            options.parse([f"--host={TEXTS[name]}"])
        assert "is not a name or address of this machine; write a text" in capsys.readouterr().err


@pytest.mark.parametrize("refuse", [refuse_unreachable_database, refuse_unreachable_broker])
def test_an_address_that_is_none_is_answered_with_how_to_write_it(refuse: Callable[[str], None]) -> None:
    ours = (
        "postgres://me:hidden@[x/db",
        "postgres://me:hidden@h:x/db",
        "redis://:hidden@h:x/0",
        "amqp://me:hidden@[/",
        "nope://me:hidden@h",
    )
    for address in (*TEXTS.values(), *ours):
        if not address:
            continue  # then there is one of our own
        with pytest.raises(Refusal) as refused:
            refuse(address)
        told = str(refused.value)
        assert (PYTHONS.search(told), "hidden" in told) == (None, False), told
        assert "write" in told or "a broker is Redis" in told
        assert len(told) < 500, told


def test_services_refuse_what_the_history_cannot_keep(good: dict[str, str]) -> None:
    saga, before = Saga.objects.get(id=good["ref"]), rows(SagaEvent)
    decided: list[Any] = [cancel_saga, partial(retry_step, step=LABEL, direction="forward")]
    for by in ("", " ", "a\0", "x" * 101, "\ud800"):
        named: list[Any] = [*(partial(each, reason="r") for each in decided), pause_saga, resume_saga]
        for decide in named:
            with pytest.raises(InvalidDecision, match="say who decides"):
                decide(saga_id=saga.id, by=by)
    for reason in ("a\0", "x" * 2_001, "\ud800"):
        for decide in decided:
            with pytest.raises(InvalidDecision, match="say why"):
                decide(saga_id=saga.id, by="me", reason=reason)
    assert rows(SagaEvent) == before


OPTION_TYPES: tuple[Callable[[str], object], ...] = (
    command_line.whole_number(),
    command_line.text("a name"),
    command_line.json_object,
)


@pytest.mark.parametrize("read", OPTION_TYPES)
def test_the_types_of_options_refuse_in_argparses_own_way(read: Callable[[str], object]) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=r"write|this"):
        read("")
