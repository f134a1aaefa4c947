"""The sagas that every side runs, and the business row that every step of them writes. Nothing but the standard library.

The environment that runs DBOS imports this too, and has neither Django nor Celery.
"""

from __future__ import annotations

CHAIN = (("accept",), ("check",), ("charge",), ("reserve",), ("pack",), ("tell",))
PARALLEL = (("accept",), ("check",), ("charge", "reserve"), ("pack",), ("tell",))

SHAPES: dict[str, tuple[tuple[str, ...], ...]] = {"chain": CHAIN, "parallel": PARALLEL}
"""By name: stages one after another; the steps of one stage run at the same time."""

STEPS_PER_SAGA = 6

QUEUES = {
    "accept": "orders",
    "check": "orders",
    "charge": "payments",
    "reserve": "shipping",
    "pack": "shipping",
    "tell": "orders",
}
"""The service that each step belongs to."""

PROCESSES = 2
"""Of every side: pool children of the one worker, connections of the floor, processes of DBOS."""

DBOS_AT_ONCE = {"chain": 2, "parallel": 4}
"""Workflows that one process of DBOS runs at the same time: with more its threads contend for Python's lock."""

TABLE = """
CREATE TABLE bench_work (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    saga text NOT NULL,
    step text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
)
"""

INSERT = "INSERT INTO bench_work (saga, step) VALUES (%s, %s)"
"""The business work of a step."""
