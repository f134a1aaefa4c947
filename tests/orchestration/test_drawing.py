"""Drawings of definitions: complete, escaped, coloured by state, and nothing stands on top of anything else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations
from xml.etree import ElementTree

import pytest

from orchestration import (
    Message,
    choice,
    days,
    escalate,
    external,
    give_up,
    hours,
    local,
    nothing,
    parallel,
    saga,
    step,
    wait_for,
)
from orchestration.core.definition import registry
from orchestration.core.definition.nodes import Node
from orchestration.core.definition.saga_definition import SagaDefinition
from orchestration.core.planning.states import StepState
from orchestration.drawing.layout import lay_out
from orchestration.drawing.mermaid import mermaid
from orchestration.drawing.shapes import Bar, Box, Diamond
from orchestration.drawing.style import DARK, LIGHT, Colours, Theme
from orchestration.drawing.svg import svg
from orchestration.drawing.words import duration
from tests.orchestration.sample import trip

SVG = "{http://www.w3.org/2000/svg}"


class Given(Message):
    key: str


class Yes(Message):
    yes: int


class No(Message):
    no: int


ask = local("draw.ask", takes=Given, gives=Yes | No)
act = external("draw.act", takes=Given)
back = local("draw.back", takes=Given)
other = local("draw.other", takes=Given)
third = local("draw.third", takes=Given)

FLOWS: dict[str, Node] = {
    "a single step": step(act),
    "a wait and a milestone": step(ask, undo=back, milestone="Asked")
    | wait_for("draw.come", within=hours(2), otherwise=escalate),
    "a choice of two": step(ask) | choice(ask, {Yes: step(act, undo=back) | step(other), No: step(third)}),
    "a choice at the end of a branch": parallel(
        step(ask, undo=back) | choice(ask, {Yes: step(act)}),
        step(other) | step(third, undo=nothing("why not")),
    ),
    "branches in branches": parallel(parallel(step(act, undo=back), step(other)), step(third), step(ask)),
    "a pivot within a branch": parallel(step(act, pivot=True), step(other)) | step(third),
    "a fork in a choice": step(ask)
    | choice(ask, {No: parallel(step(act), step(other, undo=back))})
    | step(third, pivot=True),
    "a name too long for any box": step(
        act, name="draw." + "very_" * 20 + "long", undo=nothing("because " * 30)
    ),
}


@pytest.fixture(params=[*FLOWS, "the sample"])
def definition(request: pytest.FixtureRequest) -> Iterator[SagaDefinition]:
    if request.param == "the sample":
        yield trip
        return
    made = saga(
        "draw.flow",
        version=1,
        input=Given,
        flow=FLOWS[request.param],
        after_undo=step(act, name="draw.closing"),
    )
    yield made
    registry.forget(made)


def _parsed(drawn: str) -> ElementTree.Element:
    return ElementTree.fromstring(drawn)  # noqa: S314 - it reads only what the test has drawn


def _texts(drawn: str) -> list[str]:
    root = _parsed(drawn)
    return [
        "".join(element.itertext()) for element in root.iter() if element.tag in (f"{SVG}text", f"{SVG}title")
    ]


def test_every_step_wait_and_undo_is_drawn(definition: SagaDefinition) -> None:
    texts, chart = _texts(svg(definition)), mermaid(definition)
    names = [*definition.steps, *(wait.event for wait in definition.waits.values())]
    names += [
        str(found.undo)
        for found in definition.steps.values()
        if found.undo and not hasattr(found.undo, "why")
    ]
    for name in names:
        assert name in texts
        assert name in chart


def test_boxes_do_not_overlap_and_stay_within_their_block(definition: SagaDefinition) -> None:
    for block in lay_out(definition, {}):
        if block is None:
            continue
        areas = [_area(shape) for shape in block.shapes if isinstance(shape, Box | Bar | Diamond)]
        for (ax, ay, bx, by), (cx, cy, dx, dy) in combinations(areas, 2):
            assert bx <= cx or dx <= ax or by <= cy or dy <= ay
        assert min(area[0] for area in areas) >= -block.left - 0.01
        assert max(area[2] for area in areas) <= block.right + 0.01
        assert max(area[3] for area in areas) <= block.height + 0.01


def _area(shape: Box | Bar | Diamond) -> tuple[float, float, float, float]:
    match shape:
        case Box():
            return shape.x, shape.y, shape.x + shape.width, shape.y + shape.height
        case Bar():
            return shape.x, shape.y, shape.x + shape.width, shape.y + 4
        case Diamond():
            return (
                shape.x - shape.radius,
                shape.y - shape.radius,
                shape.x + shape.radius,
                shape.y + shape.radius,
            )


def test_a_picture_says_what_it_shows_to_a_screen_reader() -> None:
    root = _parsed(svg(trip))
    assert root.get("role") == "img"
    named = {element.get("id"): element for element in root if element.get("id")}
    ids = (root.get("aria-labelledby") or "").split()
    assert [named[i].tag for i in ids] == [f"{SVG}title", f"{SVG}desc"]
    assert named[ids[0]].text == "Saga sample.trip, version 1"
    assert "sample.register, undone by sample.unregister" in (named[ids[1]].text or "")


def test_a_picture_has_both_themes_and_loads_nothing() -> None:
    drawn = svg(trip)
    assert "@media (prefers-color-scheme:dark)" in drawn
    assert LIGHT.paper in drawn
    assert DARK.paper in drawn
    assert not re.search(r"url\(|href|<script|@import", drawn)


def test_every_word_of_the_author_is_escaped() -> None:
    hostile = '"]</text><script>alert(1)</script>&amp; `md` {x}|y| %% #35; \x1b\nend'
    flow = step(ask, undo=nothing(hostile), name=hostile, milestone=hostile) | wait_for(
        hostile, within=1, otherwise=give_up, name="wait"
    )
    made = saga("draw.hostile", version=1, input=Given, flow=flow)
    try:
        drawn, chart = svg(made, {hostile: 'done"/><script>'}), mermaid(made, {hostile: 'x"]; click'})
    finally:
        registry.forget(made)
    assert "<script" not in drawn
    _parsed(drawn)
    labels = re.findall(r'"([^"]*)"', chart)
    assert any("script" in label for label in labels)
    for label in labels:
        assert not re.search(r"[<>`{}|%\[\]]", label.replace("<br/>", ""))
    assert all(line.count('"') % 2 == 0 for line in chart.splitlines())
    assert "click" not in re.sub(r'"[^"]*"', "", chart)


@pytest.mark.parametrize("state", [state.value for state in StepState])
def test_every_state_has_a_look_of_its_own(state: str) -> None:
    drawn = svg(trip, {"sample.charge": state})
    assert f'class="box action is-{state}"' in drawn
    assert f".is-{state} rect" in drawn
    assert LIGHT.boxes[state].fill in mermaid(trip, {"sample.charge": state})


def test_an_undo_is_coloured_by_its_own_state() -> None:
    drawn = svg(trip, {"sample.charge": "done", "sample.charge:undo": "failed"})
    assert 'class="box action is-done"' in drawn
    assert 'class="box undo is-failed"' in drawn


def test_a_state_nobody_knows_is_drawn_plain() -> None:
    assert 'class="box action is-dreaming"' in svg(trip, {"sample.charge": "dreaming"})
    assert "classDef" in mermaid(trip, {"sample.charge": "dreaming"})


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_text_can_be_read_on_every_box(theme: Theme) -> None:
    for look, colours in theme.boxes.items():
        assert _contrast(colours) >= 4.5, look


def _contrast(colours: Colours) -> float:
    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(colours.fill), luminance(colours.text)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_the_chart_forks_joins_and_decides() -> None:
    chart = mermaid(trip)
    assert "all of these" in chart
    assert "when all are done" in chart
    assert '-->|"Queued"|' in chart
    assert '-->|"otherwise"|' in chart
    assert "PIVOT" in chart
    assert "subgraph closing" in chart


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (days(3), "3 days"),
        (days(1), "1 day"),
        (hours(36), "36 hours"),
        (90, "90 seconds"),
        (60, "1 minute"),
        (0.5, "0.5 seconds"),
        (1, "1 second"),
    ],
)
def test_a_duration_is_said_in_its_largest_whole_unit(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_the_same_definition_gives_the_same_drawing() -> None:
    assert svg(trip) == svg(trip)
    assert mermaid(trip) == mermaid(trip)
