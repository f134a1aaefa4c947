"""DBOS workflows with the same steps on the same PostgreSQL, in the processes that start them.

Each way of running them is the fastest of those that DBOS documents and that were tried here: for the chain plain functions
in threads, for parallel steps a coroutine that gathers them; ordinary steps rather than its datasource; no queue, which
would poll; and so few workflows at once that its threads do not contend for Python's lock.

It runs in an environment of its own, where there is neither Django nor Celery.
"""

from __future__ import annotations

import asyncio
import os
import threading
from typing import Any

import psycopg
from dbos import DBOS

from tests.bench.clients.processes import Batches, Share, Work
from tests.bench.clients.serving import serve
from tests.bench.shapes import DBOS_AT_ONCE, INSERT, SHAPES

_of_thread = threading.local()
_idle: list[Any] = []


def _write(saga: str, step: str) -> None:
    link = getattr(_of_thread, "link", None)
    if link is None:
        link = _of_thread.link = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)
    link.execute(INSERT, (saga, step))


async def _write_meanwhile(saga: str, step: str) -> None:
    if _idle:
        link = _idle.pop()
    else:
        link = await psycopg.AsyncConnection.connect(os.environ["DATABASE_URL"], autocommit=True)
    await link.execute(INSERT, (saga, step))
    _idle.append(link)


def _launch() -> Work:
    address = "postgresql+psycopg://" + os.environ["DATABASE_URL"].partition("://")[2]
    threads = sum(DBOS_AT_ONCE.values())
    DBOS(
        config={
            "name": "bench",
            "system_database_url": address,
            "log_level": "WARNING",
            "max_executor_threads": threads,
        }
    )
    step = DBOS.step(name="write")(_write)
    step_meanwhile = DBOS.step(name="write_meanwhile")(_write_meanwhile)

    def run(shape: str, saga: str) -> None:
        for stage in SHAPES[shape]:
            for each in stage:
                step(saga, each)

    async def run_meanwhile(shape: str, saga: str) -> None:
        for stage in SHAPES[shape]:
            if len(stage) == 1:
                await step_meanwhile(saga, stage[0])
            else:
                await asyncio.gather(*(step_meanwhile(saga, each) for each in stage))

    workflow = DBOS.workflow(name="run")(run)
    workflow_meanwhile = DBOS.workflow(name="run_meanwhile")(run_meanwhile)
    DBOS.launch()
    loop = asyncio.new_event_loop()

    def work(sagas: Share) -> None:
        if sagas[0][0] == "chain":  # a batch has one shape
            _in_threads(workflow, sagas)
        else:
            loop.run_until_complete(_in_a_loop(workflow_meanwhile, sagas))

    return work


def _in_threads(workflow: Any, sagas: Share) -> None:
    room = threading.Semaphore(DBOS_AT_ONCE["chain"])
    handles = []
    for shape, saga in sagas:
        room.acquire()
        handle = DBOS.start_workflow(workflow, shape, saga)
        handle.future.add_done_callback(lambda _: room.release())
        handles.append(handle)
    for handle in handles:
        handle.get_result()


async def _in_a_loop(workflow: Any, sagas: Share) -> None:
    room = asyncio.Semaphore(DBOS_AT_ONCE["parallel"])

    async def one(shape: str, saga: str) -> None:
        async with room:
            handle = await DBOS.start_workflow_async(workflow, shape, saga)
            await handle.get_result()

    await asyncio.gather(*(one(shape, saga) for shape, saga in sagas))


if __name__ == "__main__":
    serve(Batches(_launch))
