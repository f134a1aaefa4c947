"""Undo: all of what was done and nothing else, backwards, once, after everything is settled, never past the pivot."""

from __future__ import annotations

from orchestration.invariants.asking import ask, count, facts, pairs
from orchestration.models import Saga
from orchestration.standing import left_standing
from orchestration.verification import Finding, invariant


@invariant("orchestration: an undone saga has undone everything that was done")
def everything_is_undone() -> Finding:
    """Once it has ended. What a person has left out counts as decided; a late effect as long as somebody is at it."""
    parameters = facts()
    wrong = ask(
        """
        WITH $facts
        SELECT $saga, f.name, COALESCE(u.state, 'missing')
          FROM orchestration_saga s
          JOIN facts ON facts.definition = s.definition AND facts.version = s.version AND facts.has_undo
          JOIN $newest (facts.step, 'forward') $end f ON f.state = 'done'
          LEFT JOIN $newest (facts.step, 'undo') $end u ON TRUE
         WHERE $is_undone AND (u.id IS NULL OR u.state NOT $is_finished)
           AND NOT (f.late AND EXISTS (SELECT 1 FROM orchestration_incident i WHERE i.saga_id = s.id
                                          AND i.step = f.name AND i.resolved_at IS NULL))
        """,
        parameters,
    )
    return Finding(
        count("orchestration_saga s WHERE $is_undone"),
        [f"{saga}: {name} is done, its undo is {state}" for saga, name, state in wrong],
        _left_standing(),
    )


def _left_standing() -> list[str]:
    decided = left_standing()
    called = {saga.id: saga for saga in Saga.objects.filter(id__in=decided)}
    return [
        f"{called[saga_id].definition} {called[saga_id].reference or called[saga_id].business_key}: {each}"
        for saga_id, its in decided.items()
        for each in its
    ]


@invariant("orchestration: nothing is undone that was not done")
def nothing_else_is_undone() -> Finding:
    """Once the saga has ended: no undo without its action, and in a completed saga none but of what came late."""
    wrong = ask(
        """
        SELECT $saga, u.name, s.state, COALESCE(f.state, 'missing')
          FROM orchestration_saga s
          JOIN orchestration_sagastep u ON u.saga_id = s.id AND u.direction = 'undo'
          LEFT JOIN $newest (u.name, 'forward') $end f ON TRUE
         WHERE s.ended_at IS NOT NULL AND ((s.state = 'completed' AND f.late IS NOT TRUE)
                                           OR (u.state = 'done' AND f.state IS DISTINCT FROM 'done'))
        """
    )
    return Finding(
        count("orchestration_saga WHERE ended_at IS NOT NULL"),
        [
            f"{saga}: {name} is undone; the saga is {state}, the action {action}"
            for saga, name, state, action in wrong
        ],
    )


@invariant("orchestration: what is to follow undo has run before an undone saga ended")
def closing_steps_have_run() -> Finding:
    """Once it has ended."""
    wrong = ask(
        """
        WITH $facts
        SELECT $saga, facts.step, COALESCE(a.state, 'missing')
          FROM orchestration_saga s
          JOIN facts ON facts.definition = s.definition AND facts.version = s.version AND facts.is_closing
          LEFT JOIN $newest (facts.step, 'after_undo') $end a ON TRUE
         WHERE $is_undone AND (a.id IS NULL OR a.state NOT $is_finished)
        """,
        facts(),
    )
    return Finding(
        count("orchestration_saga s WHERE $is_undone"),
        [f"{saga}: {name} should have followed undo, it is {state}" for saga, name, state in wrong],
    )


@invariant("orchestration: steps are undone in the reverse of their order")
def undo_runs_backwards() -> Finding:
    """At every moment. Left out: a later step whose undo failed and was taken up again, or that came home late."""
    parameters = pairs()
    wrong = ask(
        """
        WITH pairs (definition, version, earlier, later) AS (
            SELECT * FROM unnest(%(definition)s::text[], %(version)s::int[], %(earlier)s::text[], %(later)s::text[])
        )
        SELECT $saga, pairs.earlier, pairs.later
          FROM orchestration_sagastep a
          JOIN orchestration_saga s ON s.id = a.saga_id
          JOIN pairs ON pairs.definition = s.definition AND pairs.version = s.version AND pairs.earlier = a.name
          JOIN $newest (pairs.later, 'forward') $end f ON f.state = 'done'
          LEFT JOIN $newest (pairs.later, 'undo') $end b ON TRUE
         WHERE a.direction = 'undo' AND a.state $is_finished AND NOT f.late
           AND (b.id IS NULL OR (b.state NOT IN ('failed', 'rejected') AND (b.done_seq IS NULL OR b.done_seq > a.done_seq)))
           AND NOT EXISTS (SELECT 1 FROM orchestration_sagaevent e WHERE e.saga_id = s.id AND e.step = pairs.later
                              AND e.direction = 'undo' AND e.kind IN ('step_failed', 'step_rejected', 'retry_asked'))
        """,
        parameters,
    )
    return Finding(
        count("orchestration_sagastep WHERE direction = 'undo' AND state $is_finished"),
        [
            f"{saga}: {earlier} was undone before {later}, which came after it"
            for saga, earlier, later in wrong
        ],
    )


@invariant("orchestration: no step goes forward once undo has begun")
def nothing_goes_forward_in_undo() -> Finding:
    """At every moment: none starts; a local step is not even recorded, an external result only before the first undo.

    Of when a step started only moments tell. They tell nothing where the database's clock has gone back: where what came before the
    undo, or the end of the step itself, is dated otherwise.
    """
    wrong = ask(
        """
        WITH $facts, $begun
        SELECT $saga, f.name, 'started'
          FROM begun JOIN orchestration_saga s ON s.id = begun.saga_id
          JOIN orchestration_sagastep f ON f.saga_id = s.id AND f.direction = 'forward' AND f.started_at > begun.at
           AND (f.ended_at IS NULL OR f.ended_at >= f.started_at)
         WHERE NOT EXISTS (SELECT 1 FROM orchestration_sagaevent e
                            WHERE e.saga_id = s.id AND e.seq < begun.seq AND e.at > begun.at)
         UNION ALL
        SELECT $saga, f.name, 'recorded'
          FROM begun JOIN orchestration_saga s ON s.id = begun.saga_id
          JOIN orchestration_sagastep f ON f.saga_id = s.id AND f.direction = 'forward' AND f.state = 'done'
           AND f.done_seq > begun.seq
          JOIN facts ON facts.definition = s.definition AND facts.version = s.version AND facts.step = f.name
         WHERE NOT facts.is_external
        """,
        facts(),
    )
    return Finding(
        count("orchestration_sagaevent WHERE kind = 'undo_begun'"),
        [f"{saga}: {name} was {what} after undo had begun" for saga, name, what in wrong],
    )


@invariant("orchestration: undo waits until no step is in flight or unknown")
def undo_waits_for_settling() -> Finding:
    """At every moment. What came home after it had been settled as absent is left out: it is told as late."""
    wrong = ask(
        """
        WITH first AS (
            SELECT saga_id, min(done_seq) AS seq FROM orchestration_sagastep WHERE direction = 'undo' GROUP BY saga_id
        )
        SELECT $saga, f.name, f.state
          FROM first JOIN orchestration_saga s ON s.id = first.saga_id
          JOIN orchestration_sagastep f ON f.saga_id = s.id AND f.direction = 'forward' AND NOT f.late
         WHERE f.state IN ('running', 'unknown') OR (f.state IN ('done', 'absent') AND f.done_seq > first.seq)
        """
    )
    return Finding(
        count("(SELECT DISTINCT saga_id FROM orchestration_sagastep WHERE direction = 'undo') u"),
        [
            f"{saga}: {name} was not settled when undo went to work; it is {state}"
            for saga, name, state in wrong
        ],
    )


@invariant("orchestration: there is no way back past the pivot")
def nothing_is_undone_past_the_pivot() -> Finding:
    """At every moment: a saga whose pivot is done is not undone. One that cannot be helped has an incident."""
    wrong = ask(
        """
        WITH $facts, $begun
        SELECT $saga, p.name
          FROM begun JOIN orchestration_saga s ON s.id = begun.saga_id
          JOIN facts ON facts.definition = s.definition AND facts.version = s.version AND facts.is_pivot
          JOIN orchestration_sagastep p ON p.saga_id = s.id AND p.name = facts.step AND p.direction = 'forward'
           AND p.state = 'done'
         WHERE p.done_seq < begun.seq
            OR NOT EXISTS (SELECT 1 FROM orchestration_incident i WHERE i.saga_id = s.id AND i.step = p.name)
        """,
        facts(),
    )
    return Finding(
        count(
            "orchestration_sagastep WHERE direction = 'forward' AND state = 'done' AND name = ANY(%(pivots)s)",
            _pivots(),
        ),
        [f"{saga}: its pivot {name} is done, yet it was undone" for saga, name in wrong],
    )


@invariant("orchestration: undo begins at most once in a saga")
def undo_begins_once() -> Finding:
    """At every moment: only a person who has a failed undo tried again lets it go on."""
    wrong = ask(
        """
        SELECT $saga, count(*)
          FROM orchestration_sagaevent e JOIN orchestration_saga s ON s.id = e.saga_id
         WHERE e.after = 'compensating' AND e.kind <> 'undo_resumed'
         GROUP BY s.id HAVING count(*) > 1
        """
    )
    return Finding(
        count("orchestration_sagaevent WHERE kind = 'undo_begun'"),
        [f"{saga}: undo began {times} times" for saga, times in wrong],
    )


def _pivots() -> dict[str, list[str]]:
    known = facts()
    steps = zip(known["step"], known["is_pivot"], strict=True)
    return {"pivots": [step for step, is_pivot in steps if is_pivot]}
