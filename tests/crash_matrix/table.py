"""Which cells the crash matrix has: point × mode × direction, how each is reached, and why some combinations are none.

Every combination is either a cell or excluded with a reason; `tests/durability/test_crash_matrix.py` counts them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from orchestration.crash.points import MODES, POINTS

DIRECTIONS = ("forward", "compensating")

LATER = {"K22": "outgoing webhook sent, before recording"}
"""Points of the plan that no code has yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One way to a point: which order passes there, and in which process the crash is to happen."""

    story: str
    """Name of a story in `tests.crash_matrix.stories`."""
    process: str
    """What dies: `task` (a pool child), `heartbeat` (a worker's main process), `web`, or `command`."""
    place: str = "elsewhere"
    """The thread the hook must be reached in."""
    direction: str = "*"
    """What the hook is told: forward, undo, after_undo."""
    step: str = "*"
    variant: str = ""
    """Tells several ways to one point apart."""
    calls_again: str = ""
    """Step and direction whose provider must have been asked again: the effect may have happened unheard."""


_CAPTURE = {"direction": "forward", "step": "payments.capture"}
_VOID = {"direction": "undo", "step": "payments.authorize"}
_TELL = {"direction": "after_undo", "step": "notifications.order_cancelled"}

SITES: dict[tuple[str, str], tuple[Site, ...]] = {
    ("K1", "forward"): (Site(story="ordered", process="web"),),
    ("K2", "forward"): (Site(story="ordered", process="web"),),
    ("K3", "forward"): (Site(story="ordered", process="web", place="relay"),),
    ("K3", "compensating"): (Site(story="called_off", process="heartbeat", place="heartbeat"),),
    ("K4", "forward"): (Site(story="ordered", process="web", place="relay"),),
    ("K4", "compensating"): (Site(story="called_off", process="heartbeat", place="heartbeat"),),
    ("K5", "forward"): (Site(story="ordered", process="web", place="relay"),),
    ("K5", "compensating"): (Site(story="called_off", process="heartbeat", place="heartbeat"),),
    ("K6", "forward"): (Site(story="ships", process="task", **_CAPTURE),),
    ("K6", "compensating"): (Site(story="declined", process="task", **_VOID),),
    ("K7", "forward"): (Site(story="ships", process="task", **_CAPTURE),),
    ("K7", "compensating"): (Site(story="declined", process="task", **_TELL),),
    ("K8", "forward"): (
        Site(story="ships", process="task", **_CAPTURE, calls_again="payments.capture/forward"),
    ),
    ("K8", "compensating"): (Site(story="declined", process="task", **_TELL),),
    ("K9", "forward"): (Site(story="ships", process="task", **_CAPTURE),),
    ("K9", "compensating"): (Site(story="declined", process="task", **_VOID),),
    ("K10", "forward"): (Site(story="ships", process="task", **_CAPTURE),),
    ("K10", "compensating"): (Site(story="declined", process="task", **_VOID),),
    ("K11", "forward"): (
        Site(story="ships", process="task", direction="forward", step="payments.authorize"),
    ),
    ("K11", "compensating"): (Site(story="declined", process="task", **_VOID),),
    ("K12", "forward"): (Site(story="ships", process="task", direction="forward"),),
    ("K12", "compensating"): (Site(story="declined", process="task", direction="undo"),),
    ("K13", "compensating"): (Site(story="declined", process="task", **_VOID),),
    ("K14", "compensating"): (
        Site(story="declined", process="task", **_VOID, calls_again="payments.authorize/undo"),
    ),
    ("K15", "compensating"): (Site(story="declined", process="task", **_VOID),),
    ("K16", "forward"): (Site(story="lost", process="heartbeat", place="heartbeat"),),
    ("K16", "compensating"): (Site(story="undo_lost", process="heartbeat", place="heartbeat"),),
    ("K17", "forward"): (Site(story="lost", process="heartbeat", place="heartbeat"),),
    ("K17", "compensating"): (Site(story="undo_lost", process="heartbeat", place="heartbeat"),),
    ("K18", "forward"): (Site(story="ships", process="web"),),
    ("K19", "forward"): (Site(story="ships", process="task"),),
    ("K19", "compensating"): (Site(story="event_too_late", process="task"),),
    ("K20", "forward"): (Site(story="resumed", process="command", variant="resume"),),
    ("K20", "compensating"): (
        Site(story="cancelled", process="web", variant="cancel"),
        Site(story="undo_tried_again", process="command", variant="retry"),
        Site(story="undo_settled", process="command", variant="settle"),
        Site(story="undo_skipped", process="command", variant="skip"),
    ),
    ("K21", "forward"): (Site(story="escalated", process="heartbeat", place="heartbeat"),),
    ("K21", "compensating"): (Site(story="timed_out", process="heartbeat", place="heartbeat"),),
}

NO_SITE: dict[tuple[str, str], str] = {
    ("K1", "compensating"): "an order is placed going forward; what a customer asks later on is K20",
    ("K2", "compensating"): "an order is placed going forward; what a customer asks later on is K20",
    ("K13", "forward"): "an undo has no forward direction; the claim of an action is K7",
    ("K14", "forward"): "an undo has no forward direction; the effect of an action is K8",
    ("K15", "forward"): "there is nothing between two undos while going forward",
    ("K18", "compensating"): "the carrier writes about parcels only, and past the label nothing is undone",
}
"""Combinations that cannot happen in any saga."""

NO_COMMIT: dict[str, str] = {
    "K1": "nothing is committed here; the ambiguous commit of this transaction is K2",
    "K3": "nothing is committed between claiming and publishing; the relay's commit is K5",
    "K4": "nothing is committed between publishing and marking; the relay's commit is K5",
    "K6": "nothing is committed before the claim; the claim's commit is K7 (K13 of an undo)",
    "K8": "no transaction is open after an external effect; the commit of its result is K9",
    "K10": "the commit before it is K9's, and is ambiguous there",
    "K11": "the commit before it is K9's, and is ambiguous there",
    "K14": "no transaction is open after an external effect; the commit of its result is K9",
    "K15": "the commit before it is K9's, and is ambiguous there",
    "K19": "nothing is committed before the event is applied",
    "K21": "a timer's transition is committed by the sweep's transaction, whose ambiguous commit is K17",
}
"""Points without a commit of their own, where mode `ambiguous` would be nothing but `raise`."""

HOLDS_LOCKS = frozenset({"K1", "K9", "K17", "K21"})
"""Points that hold the order or its saga locked: nobody may overtake a process that is frozen there."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One crash to be survived."""

    point: str
    mode: str
    direction: str
    site: Site

    @property
    def name(self) -> str:
        """Such as `K20:kill:compensating:cancel`."""
        parts = [self.point, self.mode, self.direction, self.site.variant]
        return ":".join(part for part in parts if part)

    @property
    def holds_locks(self) -> bool:
        """Whether the process holds its saga locked there."""
        return self.point in HOLDS_LOCKS

    @property
    def ends_a_worker(self) -> bool:
        """Whether a whole worker dies, with whatever else it had in hand."""
        main = self.site.process == "heartbeat" and self.mode == "kill"
        return main or (self.site.process in ("task", "heartbeat") and self.mode == "kill_group")

    @property
    def freezes_a_worker(self) -> bool:
        """Whether a worker's main process is frozen, and hands out no work."""
        return self.site.process == "heartbeat" and self.mode == "hang"


@dataclass(frozen=True, slots=True)
class Excluded:
    """One combination that is no cell."""

    cell: str
    reason: str


def cells() -> list[Cell]:
    """Every cell, in the order of the points."""
    return [
        Cell(point, mode, direction, site)
        for point, mode, direction in combinations()
        if why_excluded(point, mode, direction) is None
        for site in SITES[point, direction]
    ]


def excluded() -> list[Excluded]:
    """Every combination that is no cell, with its reason."""
    found = [
        Excluded(f"{point}:{mode}:{direction}", reason)
        for point, mode, direction in combinations()
        if (reason := why_excluded(point, mode, direction)) is not None
    ]
    return found + [Excluded(point, "arrives with outgoing webhooks") for point in LATER]


def combinations() -> Iterator[tuple[str, str, str]]:
    """Point × mode × direction."""
    return ((point, mode, direction) for point in POINTS for mode in MODES for direction in DIRECTIONS)


def why_excluded(point: str, mode: str, direction: str) -> str | None:
    """Why a combination is no cell; None when it is one."""
    if (reason := NO_SITE.get((point, direction))) is not None:
        return reason
    return NO_COMMIT.get(point) if mode == "ambiguous" else None
