"""Events carry the seal of their source: who can write to a queue cannot speak for it."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest
from django.db import transaction
from django.test import override_settings
from pytest_django import Settings

from orchestration.engine.messages.seals import (
    SEAL,
    canonical,
    name_seal,
    named_in,
    sealed,
    source_key,
    unsealed,
)
from orchestration.engine.messages.transport import use_transport
from orchestration.engine.outbox.drain import drain
from orchestration.errors import InvalidEnvelope
from orchestration.models import DeadLetter, InboxMessage, OutboxMessage
from orchestration.services import publish_event
from orchestration.tasks import receive_event
from orchestration.testing import SagaRun
from orchestration.testing.mail import EventMail
from tests.orchestration.sample import TripInput, trip

pytestmark = pytest.mark.django_db
NEWS: dict[str, Any] = {
    "specversion": "1.0",
    "id": "e-1",
    "type": "sample.seat_free",
    "source": "test",
    "key": "k-1",
    "time": "2026-03-01T10:00:00+00:00",
    "dataschema": "sample.seat_free/v1",
    "data": {"seat": "12Ä", "rows": [1, 2.5, None]},
}


def test_what_is_sealed_is_what_the_documentation_says_and_nothing_of_it_can_be_changed() -> None:
    sent = sealed(NEWS)
    content = json.dumps(
        {name: NEWS[name] for name in ("specversion", "id", "type", "source", "key", "time", "data")},
        sort_keys=True,
        ensure_ascii=False,
        separators=(",", ":"),
    ).encode()
    assert canonical(NEWS) == content
    assert (
        sent[SEAL].split(",")[2]
        == hmac.new(bytes.fromhex(source_key("test")), content, hashlib.sha256).hexdigest()
    )
    assert unsealed(json.loads(json.dumps(sent))) == NEWS
    for name, value in {
        "id": "e-2",
        "type": "x.y",
        "source": "bank",
        "key": "k-2",
        "time": "now",
        "data": {},
    }.items():
        with pytest.raises(InvalidEnvelope, match="not that of its source"):
            unsealed({**sent, name: value})


@pytest.mark.parametrize(
    "seal", ["", "v1", "v1,,", "v2,aaaaaaaa,bb", "v1,aaaaaaaa,\u00e9", 5, [], {"a": 1}, True]
)
def test_what_is_no_seal_is_refused(seal: Any) -> None:
    with pytest.raises(InvalidEnvelope):
        unsealed({**NEWS, SEAL: seal})


def test_one_source_cannot_speak_for_another() -> None:
    key = bytes.fromhex(source_key("test"))
    forged = {**NEWS, "source": "bank"}
    key_id, mac = sealed(NEWS)[SEAL].split(",")[1], hmac.digest(key, canonical(forged), "sha256").hex()
    assert source_key("bank") != source_key("test")
    with pytest.raises(InvalidEnvelope):
        unsealed({**forged, SEAL: f"v1,{key_id},{mac}"})


def test_keys_are_changed_without_losing_what_is_under_way(settings: Settings) -> None:
    settings.ORCHESTRATION = {"EVENT_KEYS": ("old",)}
    under_way = sealed(NEWS)
    settings.ORCHESTRATION = {"EVENT_KEYS": ("new", "old")}
    assert unsealed(under_way) == NEWS
    assert sealed(NEWS)[SEAL] != under_way[SEAL]
    settings.ORCHESTRATION = {"EVENT_KEYS": ("new",)}
    with pytest.raises(InvalidEnvelope):
        unsealed(under_way)


def test_without_keys_of_its_own_a_project_seals_with_djangos_and_accepts_the_fallbacks(
    settings: Settings,
) -> None:
    under_way = sealed(NEWS)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another" * 10
    assert unsealed(under_way) == NEWS
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(InvalidEnvelope):
        unsealed(under_way)


def _wait_for_a_seat() -> SagaRun:
    run = SagaRun(trip, TripInput(name="Ada", full=True)).until_rest()
    assert run.state == "waiting"
    return run


def test_a_forged_event_is_set_aside_and_moves_no_saga() -> None:
    run = _wait_for_a_seat()
    forged = {**NEWS, "key": run.saga.business_key, "data": {"seat": "1A"}}
    receive_event(envelope=forged)
    receive_event(envelope={**sealed(NEWS), **forged})
    assert run.saga.state == "waiting"
    assert not InboxMessage.objects.exists()
    letters = DeadLetter.objects.order_by("id")
    assert [(letter.reason, letter.event) for letter in letters] == [("bad_event", ""), ("bad_event", "")]
    assert "seal" in letters[0].detail


def test_an_event_of_ours_is_sealed_as_it_is_sent_and_the_seal_is_not_kept() -> None:
    run = _wait_for_a_seat()
    run.send("sample.seat_free", {"seat": "12A"})
    assert SEAL not in OutboxMessage.objects.get(kind="event").payload
    assert run.until_rest().state == "completed"
    assert SEAL not in InboxMessage.objects.get().envelope


def test_what_an_older_version_has_sent_without_a_seal_is_known_by_its_row_in_the_outbox() -> None:
    run = _wait_for_a_seat()
    run.send("sample.seat_free", {"seat": "12A"})
    with use_transport(run.transport):
        drain()
    message = OutboxMessage.objects.get(kind="event")
    run.transport.mail = type(run.transport.mail)(
        EventMail(message.payload) if isinstance(mail, EventMail) else mail for mail in run.transport.mail
    )
    receive_event(envelope={**message.payload, "data": {"seat": "1A"}})
    assert run.saga.state == "waiting"
    assert run.until_rest().state == "completed"
    OutboxMessage.objects.update(received_at="2026-03-01T10:00:00Z")
    with pytest.raises(InvalidEnvelope, match="no seal"):
        unsealed(message.payload)


def test_only_a_genuine_name_makes_a_dead_letter_speak_of_an_event_of_ours() -> None:
    genuine = {"event_source": "test", "event_id": "e-1", "event_seal": name_seal("test", "e-1")}
    assert named_in(genuine) == ("test", "e-1")
    for wrong in (
        {"event_id": "e-2"},
        {"event_source": "bank"},
        {"event_seal": "v1,a,b"},
        {"event_seal": None},
    ):
        assert named_in({**genuine, **wrong}) == ("", "")
    assert named_in({"event_source": "\ud800", "event_id": "e", "event_seal": "v1,a,b"}) == ("", "")
    with override_settings(ORCHESTRATION={"MAX_MESSAGE_BYTES": 100}), transaction.atomic():
        receive_event(envelope={**sealed(NEWS), "source": "bank"})
    assert DeadLetter.objects.get().event == ""


def test_publishing_needs_no_seal_of_the_caller() -> None:
    with transaction.atomic():
        publish_event(type="a.happened", source="test", key="k")
    assert OutboxMessage.objects.filter(kind="event").count() == 1
