"""What must be true of the rows, as functions that look: each app registers its own, `manage.py verify` runs all.

A check never changes anything (its transaction is read-only) and never stops the others: one that raises is itself
something out of place. What a check finds is looked at twice, because between two witnesses (a row here, a provider's
ledger there) a moment may pass in which they differ for good reasons; only what is found both times counts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps

from django.apps import apps
from django.db.models import Q
from django.utils.module_loading import autodiscover_modules

from orchestration.core.planning.kinds import IncidentKind
from orchestration.engine.database.connection import connection
from orchestration.engine.database.snapshot import reading
from orchestration.errors import NotCompared
from orchestration.models import Incident, Saga
from orchestration.standing import kept_by_business_key


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check has seen."""

    checked: int
    """How many things it looked at. Zero is said aloud: a check of nothing proves nothing."""
    violations: list[str] = field(default_factory=list)
    """One sentence each, naming what is out of place. Equal at each look: no ages, no counters."""
    kept: list[str] = field(default_factory=list)
    """One sentence each: what would be out of place, had not a person decided that it stays."""
    not_compared: str = ""
    """Why the check could not look: there is no second witness, such as a provider that lists what it has done."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check after its run."""

    name: str
    checked: int
    violations: list[str]
    kept: list[str] = field(default_factory=list)
    """What is as it is because a person has decided so."""
    not_compared: str = ""
    """Why it could not be made; empty where it was."""

    @property
    def ok(self) -> bool:
        """Whether everything is in place."""
        return not self.violations


Check = Callable[[], Finding]


@dataclass(frozen=True, slots=True)
class _Registered:
    check: Check
    snapshot: bool


_checks: dict[str, _Registered] = {}


def invariant(name: str, *, snapshot: bool = True) -> Callable[[Check], Check]:
    """Register a check under a name that states what must be true, e.g. `shipping: nothing below zero`.

    Args:
        name: unique; stands in the report. Begin it with the app.
        snapshot: the check sees one moment of the database (REPEATABLE READ). False where each of its statements is
            to see what is committed by then, e.g. when rows are read again after somebody else's ledger.

    A check that raises `NotCompared` has found nothing, and says why it could not look.

    Raises:
        ValueError: another check has that name.
    """

    def register(given: Check) -> Check:
        @wraps(given)
        def check() -> Finding:
            try:
                return given()
            except NotCompared as error:
                return Finding(checked=0, not_compared=f"not compared: {error}")

        known = _checks.get(name)
        if known is not None and known.check.__module__ != check.__module__:
            raise ValueError(f"two invariants are called {name!r}: give one of them another name")
        _checks[name] = _Registered(check, snapshot)
        return check

    return register


def open_business_keys(*, kept: bool = True) -> set[str]:
    """Return the business keys of the sagas that are not done with; an undo that waits for a person is not.

    Also those that have ended and in which a late effect is still being undone.

    Args:
        kept: also those in which a person has left an undo out, so that its effect stays. False for a check that
            lists them itself, as kept by decision.
    """
    unfinished = Saga.objects.filter(Q(ended_at__isnull=True) | Q(wake_at__isnull=False))
    late = Incident.objects.filter(kind=IncidentKind.LATE_EFFECT, resolved_at=None)
    return {
        *unfinished.values_list("business_key", flat=True),
        *late.values_list("saga__business_key", flat=True),
        *(kept_by_business_key() if kept else ()),
    }


def discover() -> list[str]:
    """Import `invariants` of every installed app; return the names of all checks, those of an app together."""
    autodiscover_modules("invariants")
    order = {config.name: position for position, config in enumerate(apps.get_app_configs())}
    return sorted(
        _checks, key=lambda name: order.get(_checks[name].check.__module__.partition(".")[0], len(order))
    )


def run_invariants(
    tell: Callable[[str], None] = lambda name: None, only: Callable[[str], bool] = lambda name: True
) -> list[CheckResult]:
    """Run every check of every installed app, in the order of the apps.

    Opens one read-only transaction for each look; inside a caller's transaction, savepoints. Changes nothing.

    Args:
        tell: called with the name of each check before it runs.
        only: says by its name whether a check is to run.
    """
    results = []
    for name in filter(only, discover()):
        tell(name)
        results.append(_run(name, _checks[name]))
    return results


def _run(name: str, registered: _Registered) -> CheckResult:
    finding = _look(registered)
    if finding.violations:
        again = set(_look(registered).violations)
        still = [text for text in finding.violations if text in again]
        finding = Finding(finding.checked, still, finding.kept, finding.not_compared)
    return CheckResult(name, finding.checked, finding.violations, finding.kept, finding.not_compared)


def _look(registered: _Registered) -> Finding:
    try:
        with reading(snapshot=registered.snapshot), connection.cursor() as cursor:
            # Right after a bulk load PostgreSQL has no statistics and would take the square of the time.
            cursor.execute("SET LOCAL enable_nestloop = off")
            return registered.check()
    except (
        Exception
    ) as error:  # whatever it is: a check that cannot be made must not look like one that passed
        return Finding(0, [f"the check itself failed: {type(error).__name__}: {error}".strip()])
