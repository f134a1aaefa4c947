"""Whatever a step says or returns can be written as JSON that the database keeps."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from random import Random
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.core.definition.policy import LONGEST_ASKED, RetryPolicy
from orchestration.core.storable import (
    LONGEST_MESSAGE,
    MOST_BYTES,
    MOST_ERROR_BYTES,
    cut_to_fit,
    size_of,
    storable,
    storable_data,
    storable_text,
)
from tests.orchestration.sample import Charged, TripInput

INPUT = TripInput(name="Ada")
SPOILT = "a\0b\ud800c"


class Colour(Enum):
    RED = "red"


class Wild(Exception):
    """An error whose own text is broken."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


def test_what_json_and_the_database_do_not_know_becomes_text() -> None:
    assert storable(
        {
            "text": SPOILT,
            SPOILT: UUID(int=1),
            "money": Decimal("1.50"),
            "nan": float("nan"),
            "inf": float("-inf"),
            "huge": 10**400,
            "when": datetime(2026, 1, 1, tzinfo=UTC),
            "day": date(2026, 1, 1),
            "span": timedelta(minutes=1),
            "raw": b"\xff\x00",
            "many": ({1}, (2, "x\0")),
            "colour": Colour.RED,
            "message": Charged(charge="c"),
            "class": Charged,
        }
    ) == {
        "text": "a\ufffdb\ufffdc",
        "a\ufffdb\ufffdc": "00000000-0000-0000-0000-000000000001",
        "money": "1.50",
        "nan": "nan",
        "inf": "-inf",
        "huge": "<an integer of 1329 bits>",
        "when": "2026-01-01T00:00:00+00:00",
        "day": "2026-01-01",
        "span": 60.0,
        "raw": "<2 bytes>",
        "many": [[1], [2, "x\ufffd"]],
        "colour": "red",
        "message": {"charge": "c"},
        "class": str(Charged),
    }


def test_texts_and_data_are_cut_with_a_word_about_the_rest() -> None:
    cut = storable_text("x" * 8_000_000, LONGEST_MESSAGE)
    assert len(cut) == LONGEST_MESSAGE
    assert cut.endswith(" … (8000000 characters, cut)")
    assert "cannot be shown: RuntimeError" in storable_text(Wild(), 100)
    assert size_of(storable_data({"page": "y" * 8_000_000}, MOST_ERROR_BYTES)) <= MOST_ERROR_BYTES
    assert storable_data({"a": 1}, 100) == {"a": 1}
    fitted = cut_to_fit({"id": "x", "page": "y" * 1_000_000, "more": ["z" * 1_000_000] * 3})
    assert (fitted["id"], size_of(fitted) <= MOST_BYTES) == ("x", True)


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text(st.characters())
        | st.binary()
        | st.decimals()
        | st.uuids(),
        lambda inner: (
            st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters()), inner, max_size=4)
        ),
        max_leaves=12,
    )
)
@pytest.mark.django_db
def test_anything_can_be_stored_and_twice_is_as_once(value: Any) -> None:
    found = storable(value)
    assert storable(found) == found
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::jsonb", [json.dumps(found)])
    json.dumps(found, allow_nan=False, ensure_ascii=False).encode()


@pytest.mark.parametrize("asked", [1.8e12, float("inf"), float("nan"), -5.0, 0.0])
def test_what_a_provider_asks_for_is_kept_to_within_a_day(asked: float) -> None:
    delay = RetryPolicy().delay(ended_attempts=1, asked=asked, random=Random(1))
    assert 0 <= delay <= 1.25 * LONGEST_ASKED
    assert (delay > 1000) == (asked > 1000)
