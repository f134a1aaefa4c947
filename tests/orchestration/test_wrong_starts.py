"""What cannot start a saga, or cannot be a script of its test, is refused in a sentence, and nothing of a row is shown."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db import transaction

from orchestration.errors import InputRefused, InvalidDecision, SagaNotFound
from orchestration.models import Saga
from orchestration.services import find_saga, retry_step, start_saga
from orchestration.testing import SagaRun
from tests.orchestration.sample import TripInput, trip

pytestmark = pytest.mark.django_db

GIVEN: dict[str, Any] = {"definition": trip, "input": TripInput(name="Ada Secret"), "business_key": "k"}


def start(**otherwise: Any) -> Saga:
    with transaction.atomic():
        return start_saga(**{**GIVEN, **otherwise})


@pytest.mark.parametrize(
    ("otherwise", "told"),
    [
        ({"business_key": None}, "business_key is None; write a text of 1 to 200 characters"),
        ({"business_key": ""}, "business_key is ''; write a text of 1 to 200 characters"),
        ({"business_key": "x" * 201}, "write a text of 1 to 200 characters"),
        ({"business_key": "a\0"}, "business_key is 'a\\x00'; write"),
        ({"business_key": True}, "business_key is True; write"),
        ({"business_key": b"k"}, "business_key is b'k'; write"),
        ({"reference": None}, "reference is None; write a text of 0 to 100 characters"),
        ({"reference": "\ud800"}, "reference is '\\ud800'; write"),
        ({"product_line": "x" * 41}, "write a text of 0 to 40 characters"),
        ({"partition_key": ["a"]}, "partition_key is a list; write a text of 0 to 40 characters"),
        ({"definition": "sample.trip"}, "start_saga is given 'sample.trip'; write the saga itself"),
        ({"input": {"name": "Ada Secret"}}, "is started with TripInput(...), and is given a dict"),
        ({"input": TripInput}, "is started with TripInput(...), and is given the type TripInput"),
    ],
)
def test_what_cannot_be_a_saga_is_refused_in_a_sentence(otherwise: dict[str, Any], told: str) -> None:
    with pytest.raises((InputRefused, TypeError)) as refused:
        start(**otherwise)
    assert told in str(refused.value)
    assert "Secret" not in str(refused.value)
    assert not Saga.objects.exists()


@pytest.mark.parametrize("key", [UUID(int=7), 7])
def test_a_number_or_an_id_stands_for_its_text(key: Any) -> None:
    saga = start(business_key=key)
    assert saga.business_key == str(key)
    assert start(business_key=key) == start(business_key=str(key)) == saga


WRONG_SCRIPTS: list[tuple[dict[str, Any], str]] = [
    ({"answers": ["sample.charge"]}, "answers=a list: write a task name and what it returns"),
    ({"reject_at": 3}, "a fault is 3; write a task name, several, or how often by name"),
    ({"fail_at": {"sample.charge": -1}}, "a fault is 'sample.charge': -1; write"),
    ({"fail_at": {"sample.charge": "x"}}, "a fault is 'sample.charge': 'x'; write"),
    ({"lose_answer_at": ["sample.charge", 3]}, "a fault is 3; write"),
]


@pytest.mark.parametrize(("script", "told"), WRONG_SCRIPTS)
def test_a_script_that_says_nothing_is_refused_in_a_sentence(script: dict[str, Any], told: str) -> None:
    with pytest.raises(TypeError) as refused:
        SagaRun(trip, GIVEN["input"], **script)
    assert told in str(refused.value)


def decide(saga: Saga, **otherwise: Any) -> Saga:
    given = {"saga_id": saga.id, "step": "sample.charge", "direction": "undo", "by": "ana", "reason": "why"}
    return retry_step(**{**given, **otherwise})


@pytest.mark.parametrize(
    ("otherwise", "told"),
    [
        ({"saga_id": "NW-1"}, "there is no saga of the id 'NW-1'; give its `id`, or find it with find_saga"),
        ({"saga_id": trip}, "there is no saga of the id the saga sample.trip@1; give"),
        ({"by": None}, "say who decides in a text, such as request.user.get_username(); by is None"),
        ({"by": User(username="ana")}, "by is an User"),
        ({"reason": None}, "say why in a text"),
        ({"direction": "back"}, "direction is 'back'; write forward, undo, after_undo"),
        ({"step": None}, "step"),
    ],
)
def test_a_decision_that_cannot_be_meant_is_refused_in_a_sentence(
    otherwise: dict[str, Any], told: str
) -> None:
    saga = start()
    with pytest.raises((SagaNotFound, InvalidDecision)) as refused:
        decide(saga, **otherwise)
    assert told in str(refused.value)


def test_a_saga_is_found_by_its_definition_or_by_that_ones_name() -> None:
    saga = start(business_key=UUID(int=7))
    assert find_saga(trip, UUID(int=7)) == find_saga("sample.trip", str(UUID(int=7))) == saga
    assert find_saga(trip, "\0") is None
