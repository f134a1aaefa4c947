"""Sagas and their definitions: one saga per business key, and each keeps the flow it was started with."""

from __future__ import annotations

from orchestration.core.definition import registry
from orchestration.invariants.asking import ask, count
from orchestration.verification import Finding, invariant


@invariant("orchestration: one saga per definition and business key")
def one_saga_per_business_key() -> Finding:
    """At every moment."""
    wrong = ask(
        "SELECT definition, business_key, count(*) FROM orchestration_saga"
        " GROUP BY definition, business_key HAVING count(*) > 1"
    )
    return Finding(
        count("orchestration_saga"),
        [f"{definition} {key}: {number} sagas" for definition, key, number in wrong],
    )


@invariant("orchestration: a saga keeps the definition it was started with")
def definitions_have_not_changed() -> Finding:
    """At every moment: the flow known under its name and version is still the one it began with."""
    wrong = ask(
        """
        SELECT $saga, s.version
          FROM orchestration_saga s
          JOIN unnest(%(name)s::text[], %(version)s::int[], %(fingerprint)s::text[]) AS d (name, version, fingerprint)
            ON d.name = s.definition AND d.version = s.version
         WHERE d.fingerprint <> s.fingerprint AND starts_with(s.fingerprint, 'f2:')
        """,
        _known(),
    )
    return Finding(
        count("orchestration_saga"),
        [
            f"{saga}: version {version} of its definition has changed since; give the changed flow a new version"
            for saga, version in wrong
        ],
    )


@invariant("orchestration: the definition of every open saga is known, or a person has been told")
def definitions_are_known() -> Finding:
    """At every moment: a saga whose code is gone rests with an open incident and is never failed for it."""
    wrong = ask(
        """
        SELECT $saga, s.version
          FROM orchestration_saga s
          LEFT JOIN unnest(%(name)s::text[], %(version)s::int[]) AS d (name, version)
            ON d.name = s.definition AND d.version = s.version
         WHERE s.ended_at IS NULL AND d.name IS NULL AND s.created_at < statement_timestamp() - interval '60 seconds'
           AND NOT EXISTS (SELECT 1 FROM orchestration_incident i
                            WHERE i.saga_id = s.id AND i.kind = 'unknown_definition' AND i.resolved_at IS NULL)
        """,
        _known(),
    )
    return Finding(
        count("orchestration_saga WHERE ended_at IS NULL"),
        [f"{saga}: version {version} of its definition is not known here" for saga, version in wrong],
    )


def _known() -> dict[str, list[object]]:
    known = registry.everything()
    return {
        "name": [definition.name for definition in known],
        "version": [definition.version for definition in known],
        "fingerprint": [definition.fingerprint for definition in known],
    }
