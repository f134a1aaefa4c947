"""What PostgreSQL itself can commit: the same rows, each in a transaction of its own, and nothing else."""

from __future__ import annotations

import os

import psycopg2

from tests.bench.clients.processes import Batches, Share, Work
from tests.bench.clients.serving import serve
from tests.bench.shapes import INSERT, SHAPES


def _connect() -> Work:
    link = psycopg2.connect(os.environ["DATABASE_URL"])
    link.autocommit = True
    cursor = link.cursor()

    def write(sagas: Share) -> None:
        for shape, saga in sagas:
            for stage in SHAPES[shape]:
                for step in stage:
                    cursor.execute(INSERT, [saga, step])

    return write


if __name__ == "__main__":
    serve(Batches(_connect))
