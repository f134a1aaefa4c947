"""What stands on a page as text: the one clock, and numbers, times and ids in one piece."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone as django_timezone
from django.utils.formats import localize
from django.utils.safestring import SafeString

from orchestration.clock import clock
from orchestration.shown import shown_moment, unbroken

MOMENT = datetime(2026, 3, 1, 14, 5, 9, 123456, tzinfo=UTC)


@pytest.mark.parametrize(
    "whole",
    [
        "79886de0-1e48-453e-a37a-0aad9cdfa779",
        "79886de0-1e48-453e-a37a-0aad9cdfa779-orders.accept-forward-1",
        "2026-03-01 14:05:09 UTC",
        "2026-03-01T14:05:09.123+00:00",
        "OR-7VWR9RPC",
        "NW-11",
        "1,234.50 USD",
        "0.31 s",
        "3 d 4 h",
        "1 min 20 s",
        "auth_3f9a-81c0-77",
        "e062b77f857cd5a84e510b962c774768168bedfdcae6221646416feab007c64c",
    ],
)
def test_what_must_stay_whole_is_put_into_one_element(whole: str) -> None:
    shown = unbroken(f"The <b> was {whole}, and (then) {whole}.")
    pieces = re.findall(
        r'<span class="orchestration-whole(?: is-long)?"(?: tabindex="0")?>([^<]*)</span>', shown
    )
    assert pieces == [whole, whole]
    assert re.sub(r"</?span[^>]*>", "", shown) == f"The &lt;b&gt; was {whole}, and (then) {whole}."


@pytest.mark.parametrize(
    "text", ["", "no token here", "T-1", "orders.accept", "a-well-known-word", "<script>"]
)
def test_other_text_is_only_escaped(text: str) -> None:
    assert unbroken(text) == text.replace("<", "&lt;").replace(">", "&gt;")


def test_html_stays_as_it_is() -> None:
    assert unbroken(SafeString("<a>OR-7VWR9RPC</a>")) == "<a>OR-7VWR9RPC</a>"


def test_the_clock_has_seconds_and_its_zone() -> None:
    assert clock(MOMENT) == "2026-03-01 14:05:09 UTC"
    assert clock(MOMENT.astimezone(timezone(timedelta(hours=5)))) == "2026-03-01 14:05:09 UTC"
    assert clock(MOMENT, ZoneInfo("Europe/Berlin")) == "2026-03-01 15:05:09 CET"
    with django_timezone.override("Asia/Tokyo"):
        assert clock(MOMENT) == "2026-03-01 23:05:09 JST"
    assert clock(None) == "–"


def test_a_page_has_the_exact_moment_beside_the_clock() -> None:
    shown = shown_moment(MOMENT)
    assert shown is not None
    assert ">2026-03-01 14:05:09 UTC</time>" in shown
    assert 'datetime="2026-03-01T14:05:09.123456+00:00"' in shown


def test_pages_of_django_itself_have_the_same_clock() -> None:
    assert localize(MOMENT).replace("\N{NO-BREAK SPACE}", " ") == clock(MOMENT)
