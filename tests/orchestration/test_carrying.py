"""What a step returns comes to the next step as it was, or is refused where it is returned; whatever the types of its fields."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from ipaddress import IPv4Address
from typing import Annotated, Any
from uuid import UUID

import pytest
from django.db import transaction
from pydantic import (
    Base64Bytes,
    BaseModel,
    ConfigDict,
    Field,
    Json,
    PlainSerializer,
    PrivateAttr,
    ValidationError,
    create_model,
    field_serializer,
    field_validator,
)

from orchestration import Message, local, saga, step
from orchestration.core.carrying import NotCarried, carried, read_message
from orchestration.core.definition import registry
from orchestration.core.plain_fields import is_plain
from orchestration.engine.steps import failures
from orchestration.errors import InputRefused
from orchestration.models import Saga
from orchestration.participant import performs
from orchestration.services import start_saga
from orchestration.testing import SagaRun
from tests.orchestration import sample
from tests.orchestration.sample import Seat, TripInput, trip

DAY = date(2026, 3, 1)


class Pair(Enum):
    BOTH = (1, 2)


class Kind(Enum):
    ONE = "one"


@dataclass
class Plain:
    a: int


class Animal(BaseModel):
    legs: int


class Cat(Animal):
    name: str


class British(Message):
    value: date

    @field_serializer("value")
    def write(self, value: date) -> str:
        return f"{value:%d/%m/%y}"


class Growing(Message):
    value: str

    @field_validator("value")
    @classmethod
    def grow(cls, value: str) -> str:
        return f"{value}!"


class Strict(Message):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    value: datetime


class Packed(Message):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_bytes="base64")
    value: bytes


class Secretive(Message):
    value: int
    _more: int = PrivateAttr(default=0)


class Renamed(Message):
    value: int = Field(serialization_alias="other")


def _holding(kind: Any, value: Any) -> Message:
    made: type[Message] = create_model("Holding", __base__=Message, value=(kind, ...))
    return made.model_validate({"value": value})


def _secretive() -> Message:
    made = Secretive(value=1)
    object.__setattr__(made, "__pydantic_private__", {"_more": 5})
    return made


COMES_BACK: dict[str, Callable[[], Message]] = {
    "bytes in base64": lambda: _holding(Base64Bytes, b"/wA="),
    "decimal": lambda: _holding(Decimal, Decimal("1.10")),
    "set of ids": lambda: _holding(set[UUID], {UUID(int=1)}),
    "numbers as keys": lambda: _holding(dict[int, str], {1: "a"}),
    "days as keys": lambda: _holding(dict[date, int], {DAY: 1}),
    "a key of 300 characters": lambda: _holding(dict[str, int], {"k" * 300: 1}),
    "a text that is a number": lambda: _holding(int | str, "5"),
    "timedelta": lambda: _holding(timedelta, timedelta(days=-1, seconds=1.5)),
    "not a number": lambda: _holding(float, float("nan")),
    "beyond all numbers": lambda: _holding(dict[str, float], {"a": float("-inf")}),
    "a large number": lambda: _holding(int, 2**70),
    "dataclass": lambda: _holding(Plain, Plain(1)),
    "address": lambda: _holding(IPv4Address, "1.2.3.4"),
    "fraction": lambda: _holding(Fraction, Fraction(1, 3)),
    "plain JSON": lambda: _holding(Any, {"a": [1, None, "x", {"b": 1.5}]}),
    "another name for others": lambda: Renamed(value=1),
    "union of messages": lambda: _holding(Seat | TripInput, TripInput(name="Ada")),
}
DOES_NOT: dict[str, Callable[[], Message]] = {
    "bytes that are no text": lambda: _holding(bytes, b"\xff\x00"),
    "bytes written in base64": lambda: Packed(value=b"\xff"),
    "decimal or text": lambda: _holding(Decimal | str, Decimal("1.0")),
    "moment or text": lambda: _holding(datetime | str, datetime(2026, 3, 1, tzinfo=UTC)),
    "day or moment": lambda: _holding(date | datetime, datetime(2026, 3, 1, tzinfo=UTC)),
    "id or text": lambda: _holding(UUID | str, UUID(int=1)),
    "enum or text": lambda: _holding(Kind | str, Kind.ONE),
    "pairs as keys": lambda: _holding(dict[tuple[int, int], str], {(1, 2): "a"}),
    "nothing as a key": lambda: _holding(dict[Any, int], {None: 1}),
    "an enum of pairs": lambda: _holding(Pair, Pair.BOTH),
    "anything: a decimal": lambda: _holding(Any, Decimal(1)),
    "anything: a day, deep within": lambda: _holding(dict[str, Any], {"a": [{"b": DAY}]}),
    "anything: a set": lambda: _holding(Any, {1}),
    "anything: numbers as keys": lambda: _holding(Any, {1: 2}),
    "a subclass": lambda: _holding(Animal, Cat(legs=4, name="Tom")),
    "JSON in a text": lambda: _holding(Json[list[int]], "[1, 2]"),
    "a function": lambda: _holding(Callable[[], int], lambda: 1),
    "a type": lambda: _holding(type[int], bool),
    "a serializer of the type": lambda: _holding(Annotated[date, PlainSerializer(lambda day: day.year)], DAY),
    "a serializer of the field": lambda: British(value=DAY),
    "a validator that adds": lambda: Growing(value="a"),
    "strict": lambda: Strict(value=datetime(2026, 3, 1, tzinfo=UTC)),
    "a private attribute": _secretive,
    "a number without end": lambda: _holding(int, 10**400),
    "sixty levels": lambda: _holding(Any, _nested(60)),
    "keys that become one": lambda: _holding(dict[str, int], {"a\0": 1, "a\ufffd": 2}),
}


def _nested(levels: int) -> Any:
    found: Any = 1
    for _ in range(levels):
        found = [found]
    return found


@pytest.mark.parametrize("make", COMES_BACK.values(), ids=COMES_BACK)
def test_what_comes_back_as_it_was_is_carried(make: Callable[[], Message]) -> None:
    message = make()
    back, facts = carried(message)
    assert carried(read_message(type(message), facts))[1] == facts
    assert repr(back) == repr(message)


def test_a_list_is_as_good_as_a_tuple() -> None:
    assert carried(_holding(Any, (1, (2, 3))))[1] == {"value": [1, [2, 3]]}


@pytest.mark.parametrize("make", DOES_NOT.values(), ids=DOES_NOT)
def test_what_does_not_is_refused_where_it_is_returned(make: Callable[[], Message]) -> None:
    message = make()
    with pytest.raises(NotCarried, match=type(message).__name__) as refused:
        carried(message)
    assert len(str(refused.value)) < 500


def test_nothing_is_tried_of_what_surely_comes_back() -> None:
    assert all(is_plain(each) for each in (TripInput, Seat, sample.Charged, sample.Ticket))
    plain = create_model(
        "Simple",
        __base__=Message,
        a=(Annotated[int, Field(gt=0)], 1),
        b=(list[int] | None, None),
        c=(dict[str, Decimal], {}),
        d=(Kind, Kind.ONE),
    )
    assert is_plain(plain)
    of_values = {"a number without end", "keys that become one"}  # written otherwise, whatever the types say
    assert [name for name, make in DOES_NOT.items() if is_plain(type(make()))] == sorted(of_values)


@pytest.mark.django_db
def test_a_step_that_returns_it_has_failed_and_the_next_one_is_not_blamed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Parcel(Message):
        value: Decimal | str

    class Weighed(Message):
        name: str

    weigh = local("carrying.weigh", takes=Weighed, gives=Parcel)
    definition = saga("carrying.saga", version=1, input=Weighed, flow=step(weigh))
    performs(weigh)(lambda command, context: Parcel(value=Decimal("1.0")))
    monkeypatch.setattr(failures.logger, "disabled", True)
    try:
        run = SagaRun(definition, Weighed(name="x")).until_rest()
    finally:
        registry.forget(definition)
    assert run.saga.failure is not None
    assert run.saga.failure["step"] == "carrying.weigh"
    assert (
        "carrying.weigh returned what cannot be handed on: Parcel.value comes back"
        in run.saga.failure["message"]
    )


@pytest.mark.django_db
def test_an_effect_of_somebody_elses_that_cannot_be_handed_on_is_put_before_a_person(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def charge(command: Any, context: Any) -> sample.Charged:
        sample.provider.do("charge", context)
        return sample.Charged.model_construct(charge=b"\xff")  # type: ignore[arg-type] # the fault

    monkeypatch.setattr(failures.logger, "disabled", True)
    asked = {name: getattr(sample.do_charge, name) for name in ("act", "find", "refuse")}
    for name in asked:
        monkeypatch.setattr(sample.do_charge, name, charge)
    run = SagaRun(trip, TripInput(name="Ada")).until(lambda run: bool(run.incidents))
    assert [(each.kind, each.step) for each in run.incidents] == [("cannot_settle", "sample.charge")]
    for name, function in asked.items():
        monkeypatch.setattr(sample.do_charge, name, function)
    assert run.until_rest().state == "compensated"
    assert sample.provider.count("refund") == 1


@pytest.mark.django_db
@pytest.mark.parametrize("make", DOES_NOT.values(), ids=DOES_NOT)
def test_an_input_that_would_not_come_back_is_refused_and_nothing_is_written(
    make: Callable[[], Message],
) -> None:
    given = make()
    reference = local("carrying.started", takes=TripInput)
    definition = saga("carrying.input", version=1, input=type(given), flow=step(reference))
    try:
        with pytest.raises(InputRefused, match=type(given).__name__), transaction.atomic():
            start_saga(definition, input=given, business_key="x")
    finally:
        registry.forget(definition)
    assert not Saga.objects.exists()


def test_a_validator_that_breaks_is_a_message_that_does_not_fit() -> None:
    class Country(Message):
        code: str

        @field_validator("code")
        @classmethod
        def known(cls, value: str) -> str:
            return {"GB": "GB"}[value]

    with pytest.raises(ValidationError, match="a validator of Country fails with KeyError in known, line"):
        read_message(Country, {"code": "hidden"})
