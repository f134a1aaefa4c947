"""The history: without gaps, by permitted transitions only, leading to the state the row has, ending with the end."""

from __future__ import annotations

from typing import Any

from orchestration.core.planning.replay import ANNOTATIONS, SETTLED
from orchestration.core.planning.states import TERMINAL, TRANSITIONS, SagaState
from orchestration.invariants.asking import ask, count
from orchestration.verification import Finding, invariant

_PERMITTED = [("", SagaState.ACCEPTED.value)] + [
    (before.value, after.value) for before, following in TRANSITIONS.items() for after in sorted(following)
]
_STATES: dict[str, Any] = {
    "before": [before for before, _ in _PERMITTED],
    "after": [after for _, after in _PERMITTED],
    "terminal": sorted(state.value for state in TERMINAL),
    "annotations": sorted(ANNOTATIONS),
    "settled": sorted(state.value for state in SETTLED),
}


@invariant("orchestration: a history is numbered without gaps")
def history_is_gap_free() -> Finding:
    """At every moment: 1 to the number the saga's row counts."""
    wrong = ask(
        """
        SELECT $saga, s.last_seq, COALESCE(h.entries, 0)
          FROM orchestration_saga s
          LEFT JOIN (SELECT saga_id, count(*) AS entries, min(seq) AS first, max(seq) AS last
                       FROM orchestration_sagaevent GROUP BY saga_id) h ON h.saga_id = s.id
         WHERE COALESCE(h.entries, 0) <> s.last_seq OR h.first <> 1 OR h.last <> s.last_seq
        """
    )
    return Finding(
        count("orchestration_sagaevent"),
        [f"{saga}: {entries} entries in the history, the row counts {last}" for saga, last, entries in wrong],
    )


@invariant("orchestration: every change of state in a history is a permitted one")
def transitions_are_permitted() -> Finding:
    """At every moment: before and after of each entry stand in the table of transitions."""
    wrong = ask(
        """
        SELECT $saga, e.seq, e.before, e.after
          FROM orchestration_sagaevent e JOIN orchestration_saga s ON s.id = e.saga_id
         WHERE (e.before <> '' OR e.after <> '')
           AND NOT EXISTS (SELECT 1 FROM unnest(%(before)s::text[], %(after)s::text[]) AS t (before, after)
                            WHERE t.before = e.before AND t.after = e.after)
        """,
        _STATES,
    )
    return Finding(
        count("orchestration_sagaevent WHERE after <> ''"),
        [
            f"{saga}: entry {seq} goes from {before or 'nothing'} to {after or 'nothing'}"
            for saga, seq, before, after in wrong
        ],
    )


@invariant("orchestration: replaying a history gives the state the saga has")
def history_leads_to_state() -> Finding:
    """At every moment: each change begins where the one before ended, and the last one ends where the row is."""
    wrong = ask(
        """
        WITH changes AS (
            SELECT saga_id, seq, before, after, lag(after, 1, '') OVER w AS was, lead(seq) OVER w IS NULL AS is_last
              FROM orchestration_sagaevent WHERE after <> '' WINDOW w AS (PARTITION BY saga_id ORDER BY seq)
        )
        SELECT $saga, c.seq, c.was, c.before, NULL, NULL
          FROM changes c JOIN orchestration_saga s ON s.id = c.saga_id WHERE c.before <> c.was
         UNION ALL
        SELECT $saga, NULL, NULL, NULL, c.after, s.state
          FROM changes c JOIN orchestration_saga s ON s.id = c.saga_id WHERE c.is_last AND c.after <> s.state
        """
    )
    violations = [
        f"{saga}: entry {seq} begins at {before or 'nothing'}, the one before ended at {was or 'nothing'}"
        if seq is not None
        else f"{saga}: the history leads to {told or 'nothing'}, the row says {state}"
        for saga, seq, was, before, told, state in wrong
    ]
    return Finding(count("orchestration_saga"), violations)


@invariant("orchestration: a settled step stands in the history under the number its row names")
def steps_stand_in_history() -> Finding:
    """At every moment: no result was written without saying so."""
    wrong = ask(
        """
        SELECT $saga, t.name, t.direction, t.state, t.done_seq
          FROM orchestration_sagastep t JOIN orchestration_saga s ON s.id = t.saga_id
          LEFT JOIN orchestration_sagaevent e ON e.saga_id = t.saga_id AND e.seq = t.done_seq AND e.step = t.name
         WHERE t.state = ANY(%(settled)s) AND e.id IS NULL
        """,
        _STATES,
    )
    return Finding(
        count("orchestration_sagastep WHERE state = ANY(%(settled)s)", _STATES),
        [
            f"{saga}: {name} ({direction}) is {state}, and {f'entry {seq}' if seq else 'no entry'} tells of it"
            for saga, name, direction, state, seq in wrong
        ],
    )


@invariant("orchestration: nothing but annotations follows the end of a saga")
def nothing_follows_the_end() -> Finding:
    """At every moment: what came too late may be told, and changes nothing."""
    wrong = ask(
        """
        SELECT $saga, e.seq, e.kind
          FROM (SELECT saga_id, min(seq) AS seq FROM orchestration_sagaevent
                 WHERE after = ANY(%(terminal)s) GROUP BY saga_id) ended
          JOIN orchestration_sagaevent e ON e.saga_id = ended.saga_id AND e.seq > ended.seq
          JOIN orchestration_saga s ON s.id = e.saga_id
         WHERE e.kind <> ALL(%(annotations)s) OR e.after <> ''
        """,
        _STATES,
    )
    return Finding(
        count("orchestration_saga WHERE ended_at IS NOT NULL"),
        [f"{saga}: entry {seq} {kind} comes after the end" for saga, seq, kind in wrong],
    )
