"""How a drawing looks: colours for light and dark, by state of a step. Contrast of text is at least 4.5 to 1."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Colours:
    """Colours of one kind of box."""

    fill: str
    stroke: str
    text: str


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours of a whole drawing."""

    paper: str
    ink: str
    quiet: str
    """Small print and plain lines."""
    flow: str
    """Arrows of the way forward."""
    back: str
    """Dashes of the way back."""
    boxes: dict[str, Colours]


LIGHT = Theme(
    paper="#ffffff",
    ink="#16202c",
    quiet="#5b6877",
    flow="#7d8a99",
    back="#b45309",
    boxes={
        "": Colours("#f6f8fa", "#aab4c0", "#16202c"),
        "pivot": Colours("#eef2ff", "#4f46e5", "#1e1b4b"),
        "undo": Colours("#fff8ee", "#d9a15c", "#7c3a06"),
        "reason": Colours("#ffffff", "#c9d0d8", "#5b6877"),
        "pending": Colours("#eaf2fd", "#8fb5e6", "#1d3f6e"),
        "running": Colours("#d8e9ff", "#2f7de1", "#0b3a75"),
        "waiting": Colours("#fff3cd", "#d4a017", "#5f4300"),
        "unknown": Colours("#f1e4fc", "#9b51e0", "#4a1d78"),
        "done": Colours("#dcf5e3", "#2e9e52", "#0d4a23"),
        "rejected": Colours("#fde4e1", "#d9483b", "#7a150c"),
        "failed": Colours("#fbd0cc", "#c22b1e", "#6d1009"),
        "not_needed": Colours("#eceff2", "#98a3af", "#47525e"),
        "absent": Colours("#eceff2", "#98a3af", "#47525e"),
        "skipped": Colours("#fff3cd", "#d4a017", "#5f4300"),
    },
)

DARK = Theme(
    paper="#12171d",
    ink="#e8edf2",
    quiet="#9fabb8",
    flow="#748191",
    back="#e0a158",
    boxes={
        "": Colours("#1c242d", "#4a5766", "#e8edf2"),
        "pivot": Colours("#23224a", "#8b8cf8", "#e4e4ff"),
        "undo": Colours("#2b2117", "#9a6c33", "#f3cf9f"),
        "reason": Colours("#12171d", "#3c4753", "#9fabb8"),
        "pending": Colours("#1a2a3d", "#44688f", "#c6dcf5"),
        "running": Colours("#143359", "#4c96f0", "#dcebff"),
        "waiting": Colours("#3a2f0d", "#c79a24", "#fbe7b0"),
        "unknown": Colours("#33204a", "#a96ae6", "#ecd9fd"),
        "done": Colours("#123420", "#3fb266", "#cdf2d9"),
        "rejected": Colours("#431b17", "#e4665a", "#fdd9d5"),
        "failed": Colours("#4c1611", "#ee5547", "#ffd9d5"),
        "not_needed": Colours("#242c35", "#66727f", "#b5c0cb"),
        "absent": Colours("#242c35", "#66727f", "#b5c0cb"),
        "skipped": Colours("#3a2f0d", "#c79a24", "#fbe7b0"),
    },
)


def colours_of(state: str, theme: Theme) -> Colours:
    """Colours of a state; of a plain box where the state has none of its own."""
    return theme.boxes.get(state, theme.boxes[""])
