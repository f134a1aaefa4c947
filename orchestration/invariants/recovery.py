"""Recovery: nobody holds what has ended, every open saga will be looked at again, and a person knows of the rest."""

from __future__ import annotations

from orchestration.invariants.asking import ask, count
from orchestration.verification import Finding, invariant


@invariant("orchestration: an ended saga has no step at work")
def ended_sagas_are_at_rest() -> Finding:
    """Once it has ended: no live lease, no step running or of unknown outcome, but for what is done about a late effect."""
    wrong = ask(
        """
        SELECT $saga, t.name, t.direction, t.state
          FROM orchestration_sagastep t JOIN orchestration_saga s ON s.id = t.saga_id
         WHERE s.ended_at IS NOT NULL
           AND (t.state IN ('running', 'unknown') OR t.lease_until > statement_timestamp())
           AND NOT EXISTS (SELECT 1 FROM orchestration_sagastep l
                            WHERE l.saga_id = s.id AND l.name = t.name AND l.direction = 'forward' AND l.late)
        """
    )
    return Finding(
        count("orchestration_saga WHERE ended_at IS NOT NULL"),
        [f"{saga}: has ended, {name} ({direction}) is {state}" for saga, name, direction, state in wrong],
    )


@invariant("orchestration: an undo that failed for good has an open incident that names it")
def failed_undo_is_known() -> Finding:
    """At every moment: what only a person can decide is put before one, with what to do."""
    wrong = ask(
        """
        SELECT $saga FROM orchestration_saga s
         WHERE s.state = 'undo_failed'
           AND NOT EXISTS (SELECT 1 FROM orchestration_incident i WHERE i.saga_id = s.id AND i.kind = 'undo_failed'
                              AND i.resolved_at IS NULL AND i.step <> '' AND i.runbook <> '')
        """
    )
    return Finding(
        count("orchestration_saga WHERE state = 'undo_failed'"),
        [f"{saga}: its undo failed, and no open incident names the step" for (saga,) in wrong],
    )


@invariant("orchestration: what is due is done")
def nothing_is_overdue() -> Finding:
    """At every moment while a worker runs: no saga was to be looked at more than a minute ago."""
    wrong = ask(
        """
        SELECT $saga, s.state FROM orchestration_saga s
         WHERE s.wake_at < statement_timestamp() - $overdue AND NOT s.paused
        """
    )
    return Finding(
        count("orchestration_saga WHERE wake_at IS NOT NULL"),
        [f"{saga}: {state}, and nobody has looked at it when it was due" for saga, state in wrong],
    )


@invariant("orchestration: no open saga is forgotten")
def no_saga_is_forgotten() -> Finding:
    """At every moment: an open saga is looked at again some time, unless it is paused or a person has been told."""
    wrong = ask(
        """
        SELECT $saga, s.state FROM orchestration_saga s
         WHERE s.ended_at IS NULL AND s.wake_at IS NULL AND NOT s.paused
           AND NOT EXISTS (SELECT 1 FROM orchestration_incident i WHERE i.saga_id = s.id AND i.resolved_at IS NULL)
        """
    )
    return Finding(
        count("orchestration_saga WHERE ended_at IS NULL"),
        [f"{saga}: {state}, and nothing will ever wake it" for saga, state in wrong],
    )
