"""The counter of chords: a body that takes no results is sent once when every branch has ended, and is told of a failure."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from celery import Celery, chain, chord, signature
from celery.exceptions import ChordError

from orchestration.broker.chord_counters import ChordCounters
from tests.broker.own_valkey import OwnValkey, own_valkey

BODY = signature("body", immutable=True)


@pytest.fixture(scope="module")
def valkey() -> Iterator[OwnValkey]:
    with own_valkey() as own:
        yield own


class Counting:
    """A chord of two branches at the counter."""

    def __init__(self, valkey: OwnValkey, body: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        valkey.admin.flushall()
        app = Celery("counting", set_as_current=False, broker="memory://")
        app.conf.update(result_backend=valkey.url(), task_ignore_result=True)
        self.counters: Any = ChordCounters(app=app, url=valkey.url())
        self.body, self.sent, self.failed = body, list[Any](), list[str]()
        monkeypatch.setattr(app.amqp, "_retry_publish", lambda publish, *given: self.sent.append(given))
        monkeypatch.setattr(
            self.counters, "chord_error_from_stack", lambda body, error=None: self.failed.append(str(error))
        )
        self.counters.set_chord_size("g", 2)
        self.redis = valkey.admin

    def end(self, branch: str, state: str = "SUCCESS", result: Any = None) -> None:
        request = SimpleNamespace(id=branch, group="g", group_index=0, chord=dict(self.body))
        self.counters.on_chord_part_return(request, state, result)


def test_the_last_branch_sends_the_body_once_and_nothing_is_kept(
    valkey: OwnValkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting = Counting(valkey, BODY, monkeypatch)
    counting.end("one")
    assert counting.sent == []
    counting.end("two")
    assert (counting.sent, counting.failed, counting.redis.keys()) == ([()], [], [])
    counting.end("two")
    assert (counting.sent, counting.redis.keys()) == ([()], [])


def test_a_branch_that_ends_twice_is_counted_once(valkey: OwnValkey, monkeypatch: pytest.MonkeyPatch) -> None:
    counting = Counting(valkey, BODY, monkeypatch)
    counting.end("one")
    counting.end("one")
    assert counting.sent == []
    assert 0 < counting.redis.ttl(counting.redis.keys("*.e")[0]) <= ChordCounters.LONGEST


def test_a_branch_that_failed_is_told_when_all_have_ended_in_the_words_of_celery(
    valkey: OwnValkey, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    counting = Counting(valkey, BODY, monkeypatch)
    counting.end("one", "FAILURE", ValueError("no"))
    assert counting.failed == []
    counting.end("two")
    assert (counting.sent, counting.failed) == ([], ["Dependency one raised ValueError('no')"])
    assert [record.getMessage() for record in caplog.records] == [
        f"Chord 'g' raised: {ChordError(counting.failed[0])!r}"
    ]


def test_a_body_that_cannot_be_sent_has_its_error_callbacks_called(
    valkey: OwnValkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting = Counting(valkey, BODY, monkeypatch)

    def refuse(*_: Any) -> None:
        raise OSError("the broker is away")

    monkeypatch.setattr(counting.counters.app.amqp, "_retry_publish", refuse)
    counting.end("one")
    counting.end("two")
    assert counting.failed == ["Callback error: OSError('the broker is away')"]


@pytest.mark.parametrize(
    ("body", "takes_none"),
    [
        (BODY, True),
        (chain(BODY, signature("more")), True),
        (signature("body"), False),
        (chain(signature("body"), BODY), False),
        (chord([BODY, BODY], BODY), False),
    ],
)
def test_what_a_body_takes_is_left_to_celery(
    body: Any, takes_none: bool, valkey: OwnValkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting = Counting(valkey, body, monkeypatch)
    counting.end("one", result=7)
    assert bool(counting.redis.keys("*.e")) is takes_none
    counting.end("two", result=8)
    assert [bool(given) for given in counting.sent] == [not takes_none]
