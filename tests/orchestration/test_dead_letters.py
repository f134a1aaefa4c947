"""What no worker can take in is set aside, acknowledged and shown; the worker goes on."""

from __future__ import annotations

import json
import pickle
from collections import Counter
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import transaction
from django.test import Client
from django.urls import reverse

from orchestration.engine.messages.dead_letters import letter_of, set_aside
from orchestration.engine.messages.envelope import check_envelope
from orchestration.engine.messages.excerpts import excerpt
from orchestration.engine.messages.seals import sealed
from orchestration.errors import InvalidEnvelope
from orchestration.models import DeadLetter, InboxMessage, OutboxMessage
from orchestration.services import publish_event
from orchestration.tasks import receive_event
from tests.bootstrap.running_system import wait_until
from tests.orchestration.worker_process import WorkerProcess, empty, left_in, publish_raw, worker_process

QUEUE = "orchestration"
CANARY = "canary-4111111111111111"
GOOD = {"specversion": "1.0", "id": "e-1", "type": "a.happened", "source": "test", "key": "k-1", "data": {}}
SAGA = "00000000-0000-7000-8000-000000000000"


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> Any:
        return (Path.touch, (self.file,))


def _task(name: Any, **more: Any) -> dict[str, Any]:
    return {"task": name, "id": str(uuid4()), "lang": "py", **more}


def _call(**kwargs: Any) -> list[Any]:
    return [[], kwargs, {}]


@pytest.fixture
def worker(process_environment: dict[str, str], transactional_db: None) -> Iterator[WorkerProcess]:
    empty(QUEUE)
    with worker_process(process_environment, "-c", "1", queues=(QUEUE,)) as running:
        yield running


def _seen() -> Counter[str]:
    """How often messages were set aside, by reason; two with the same body are one row."""
    seen: Counter[str] = Counter()
    for reason, times in DeadLetter.objects.values_list("reason", "times"):
        seen[reason] += times
    return seen


ADVANCE, RECEIVE = "orchestration.advance", "orchestration.receive_event"


def test_every_kind_of_message_that_cannot_be_taken_in_is_set_aside_and_the_worker_goes_on(
    worker: WorkerProcess, tmp_path: Path
) -> None:
    bomb = tmp_path / "bomb"
    pickled = pickle.dumps(_call(saga=Bomb(bomb), order=CANARY))
    publish_raw(_call(secret=CANARY), headers=_task("gone.away"))
    publish_raw(b'{"broken": "' + CANARY.encode(), headers=_task(ADVANCE))
    publish_raw(b"\xff\xfe" + CANARY.encode(), headers=_task(ADVANCE))
    publish_raw(pickled, headers=_task(ADVANCE), kind="application/x-python-serialize", encoding="binary")
    publish_raw(pickled, kind="application/x-python-serialize", encoding="binary")
    for odd in (5, None, CANARY, [], [1, 2, 3], {"args": 1}, [[], {}, 7]):
        publish_raw(odd, headers=_task(ADVANCE))
    publish_raw(_call(saga=SAGA), headers={"task": ADVANCE, "lang": "py"})
    publish_raw(_call(saga=SAGA), headers=_task([ADVANCE]))
    publish_raw({"no": "task"})
    publish_raw(_call(sage=SAGA), headers=_task(ADVANCE))
    publish_raw(_call(saga=CANARY), headers=_task(ADVANCE))
    publish_raw(_call(envelope=sealed({**GOOD, "data": {"much": CANARY * 4000}})), headers=_task(RECEIVE))
    for wrong in (
        {"key": None},
        {"specversion": "2.0"},
        {"dataschema": "a.happened/v99"},
        {"data": [CANARY]},
    ):
        publish_raw(_call(envelope=sealed({**GOOD, **wrong})), headers=_task(RECEIVE))
    publish_raw(_call(envelope=sealed(GOOD)), headers=_task(RECEIVE))

    wait_until(lambda: InboxMessage.objects.filter(event_id="e-1").exists(), "the good event has come", 30)
    wait_until(lambda: _seen().total() >= 22, "every other one is set aside", 30)
    assert worker.is_alive
    worker.stop()
    assert left_in(QUEUE) == 0
    assert _seen() == {
        "unknown_task": 1,
        "undecodable": 2,
        "refused_content": 2,
        "malformed": 12,
        "too_large": 1,
        "bad_event": 4,
    }
    assert not bomb.exists()
    kept = json.dumps(list(DeadLetter.objects.values()), default=str)
    assert CANARY not in kept + worker.log.read_text()


def test_the_same_message_again_is_counted(db: None) -> None:
    letter = letter_of(queue=QUEUE, task="a.b", reason="unknown_task", detail="", body=b"x")
    assert [set_aside(letter) for _ in range(3)] == [1, 2, 3]
    assert DeadLetter.objects.get().times == 3


def test_an_invalid_event_is_set_aside_and_changes_nothing(db: None) -> None:
    receive_event(envelope={**GOOD, "key": ""})
    receive_event(envelope="no envelope")
    assert set(DeadLetter.objects.values_list("reason", flat=True)) == {"bad_event"}
    assert InboxMessage.objects.count() == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"specversion": None},
        {"id": ""},
        {"id": 7},
        {"source": "s" * 101},
        {"type": None},
        {"dataschema": "other/v1"},
        {"data": "text"},
        {"data": {"zero": "\0"}},
        {"data": {"half": "\ud800"}},
        {"data": {"number": float("nan")}},
        {"data": {"much": "x" * 2000}},
    ],
)
def test_an_envelope_that_cannot_come_in_is_named_without_its_values(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidEnvelope):
        check_envelope({**GOOD, **wrong}, most_bytes=1500)
    assert check_envelope({**GOOD, "dataschema": "a.happened/v1"}, most_bytes=1500)


def test_what_is_too_large_to_come_in_is_not_published(db: None) -> None:
    with pytest.raises(InvalidEnvelope, match="bytes"), transaction.atomic():
        publish_event(type="a.b", source="s", key="k", data={"much": "x" * 70_000})
    assert OutboxMessage.objects.count() == 0


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b'[[], {"saga": "s-1", "type": "a.happened", "n": 4111}, null]', '[[], {"saga": "<text of 3>", "type": "a.happened", "n": "<int>"}, null]'),
        (b'{"4111 1111": 1}', '{"?": "<int>"}'),
        (b"\x80\x04secret-secret", "not JSON; begins with 80 04 73 65 63 72 65 74"),
        (b"", "not JSON; begins with nothing"),
        (b"[" * 100_000, "not JSON; begins with 5b 5b 5b 5b 5b 5b 5b 5b"),
    ],
)  # fmt: skip
def test_an_excerpt_shows_the_shape_and_no_values(body: bytes, shown: str) -> None:
    assert excerpt(body) == shown


def test_dead_letters_are_shown_at_the_terminal_and_in_the_admin(admin_client: Client, db: None) -> None:
    set_aside(letter_of(queue=QUEUE, task="gone.away", reason="unknown_task", detail="", body=CANARY))
    for options in ([], ["--json"]):
        out = StringIO()
        call_command("saga", "dead-letters", *options, stdout=out)
        assert "gone.away" in out.getvalue()
        assert CANARY not in out.getvalue()
    for view, args in (("changelist", []), ("change", [DeadLetter.objects.get().pk])):
        page = admin_client.get(reverse(f"admin:orchestration_deadletter_{view}", args=args))
        assert b"gone.away" in page.content
    assert admin_client.get(reverse("admin:orchestration_deadletter_add")).status_code == 403
