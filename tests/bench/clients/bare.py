"""Starts bare Celery canvas of the same shapes: chains, and a group between two steps, which Celery makes a chord."""

from __future__ import annotations

from celery import Signature, chain, group

from tests.bench.bare import app, steps
from tests.bench.clients.observing import Observer
from tests.bench.clients.serving import serve
from tests.bench.shapes import QUEUES, SHAPES, STEPS_PER_SAGA

_WRITTEN = "SELECT count(*), extract(epoch FROM max(at))::float8 FROM bench_work WHERE saga LIKE %s"
"""The end of a saga is its last row: the storing of the last result is not counted against canvas."""


class Bare:
    """Canvas, and nothing that remembers it."""

    def __init__(self) -> None:
        app.finalize()
        self._observer = Observer()
        self.now = self._observer.now

    def start(self, shape: str, saga: str) -> None:
        """Send one canvas."""
        stages = [[_call(step, saga) for step in stage] for stage in SHAPES[shape]]
        chain(*(calls[0] if len(calls) == 1 else group(calls) for calls in stages)).apply_async()

    def wait(self, name: str, sagas: int) -> float:
        """Wait until every step has written its row."""
        return self._observer.wait(_WRITTEN, name, sagas * STEPS_PER_SAGA)


def _call(step: str, saga: str) -> Signature[None]:
    return steps[step].si(saga).set(queue=f"bench-{QUEUES[step]}")


if __name__ == "__main__":
    serve(Bare())
