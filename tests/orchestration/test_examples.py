"""The example in a printed command can be read as what the step gives, whatever types its fields have."""

from __future__ import annotations

import re
import shlex
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from io import StringIO
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from django.core.management import call_command
from django.db import transaction
from pydantic import (
    AwareDatetime,
    Base64Bytes,
    Field,
    FutureDate,
    HttpUrl,
    NaiveDatetime,
    PastDatetime,
    create_model,
    field_validator,
    model_validator,
)

from orchestration import Message, external, nothing, saga, step
from orchestration.checks import check_definitions
from orchestration.core.carrying import read_message
from orchestration.core.definition import registry
from orchestration.core.definition.examples import example_of
from orchestration.core.planning.kinds import IncidentKind
from orchestration.engine.incidents.runbooks import runbook
from orchestration.models import SagaStep
from orchestration.testing import SagaRun
from tests.orchestration import sample
from tests.orchestration.sample import Seat, TripInput


class Colour(Enum):
    RED = "red"


class Grade(IntEnum):
    FIRST = 7


class Address(Message):
    city: str
    since: date


class Branch(Message):
    address: Address
    below: list[Branch] = []


KINDS: list[Any] = [
    str, int, float, bool, Decimal, datetime, date, time, timedelta, UUID, Colour, Grade, Address, Branch, HttpUrl, Base64Bytes,
    AwareDatetime, NaiveDatetime, PastDatetime, FutureDate, Any, dict[str, int], list[Address], tuple[int, str], set[Colour],
    Literal["b", "c"], Address | Colour, UUID | None, Decimal | None,
    Annotated[Decimal, Field(gt=0, decimal_places=2, max_digits=6)], Annotated[Decimal, Field(lt=0)],
    Annotated[int, Field(ge=100, le=200)], Annotated[int, Field(multiple_of=5, gt=5)], Annotated[float, Field(gt=0, lt=1)],
    Annotated[str, Field(min_length=30)], Annotated[str, Field(max_length=2)], Annotated[str, Field(pattern=r"^[A-Z]{3}$")],
    Annotated[str, Field(pattern=r"^tr_[a-z0-9]{8,}(-\d+)?$")], Annotated[str, Field(pattern=r"^(?:ok|no)\.[^a-z\s]+$")],
    Annotated[str, Field(pattern=r"^\w+$", min_length=12)], Annotated[list[Address], Field(min_length=2)],
    Annotated[dict[str, Decimal], Field(min_length=1)],
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_an_example_can_be_read(kind: Any) -> None:
    message = create_model("Given", __base__=Message, amount=(kind, ...), left_out=(int, 3))
    found = example_of(message)
    assert found is not None
    assert set(found) == {"amount"}
    read_message(message, found)


class Even(Message):
    number: int

    @field_validator("number")
    @classmethod
    def _even(cls, number: int) -> int:
        if number % 2:
            raise ValueError("odd")
        return number


class Peculiar(Message):
    checksum: str

    @model_validator(mode="after")
    def _sums_up(self) -> Peculiar:
        if self.checksum != "4711-X":
            raise ValueError("does not sum up")
        return self


class Told(Peculiar):
    checksum: str = Field(examples=["4711-X"])


def test_a_validator_of_ones_own_is_tried_or_told_by_an_example() -> None:
    assert example_of(Even) == {"number": 2}
    assert example_of(Peculiar) is None
    assert example_of(Told) == {"checksum": "4711-X"}


class Quoted(Message):
    at: datetime
    total: Decimal
    id: UUID
    colour: Colour
    to: Address
    reference: Annotated[str, Field(pattern=r"^q-\d{6}$")]


@pytest.mark.django_db
def test_the_command_that_is_printed_for_such_a_result_settles_its_step() -> None:
    charge = external("sample.charge", takes=sample.Command, gives=Quoted | Seat)
    flow = step(charge, undo=sample.refund) | step(sample.confirm, pivot=True)
    definition = saga("sample.quoted", version=1, input=TripInput, flow=flow)
    try:
        run = SagaRun(definition, TripInput(name="Ada"), reference="T-7", lose_answer_at="sample.charge")
        run.until(lambda each: each.step("sample.charge").state == "unknown")
        SagaStep.objects.filter(saga_id=run.id).update(lease_until=None)
        told = runbook(run.saga, IncidentKind.CANNOT_SETTLE, step="sample.charge")
        done, absent = re.findall(r"`(python3 manage\.py [^`]*)`", told)
        for command in (absent, done):
            with transaction.atomic():
                call_command(*shlex.split(command)[2:], stdout=StringIO())
                found = run.step("sample.charge")
                transaction.set_rollback(True)
        assert (found.state, found.result_type) == ("done", "Quoted")
    finally:
        registry.forget(definition)


def test_check_names_a_result_without_an_example() -> None:
    given = external("sample.charge", takes=sample.Command, gives=Peculiar)
    definition = saga("sample.peculiar", version=1, input=TripInput, flow=step(given, undo=nothing("a test")))
    try:
        (told,) = [each for each in check_definitions() if each.obj == str(definition)]
    finally:
        registry.forget(definition)
    assert told.id == "orchestration.W121"
    assert "no example of Peculiar" in told.msg
