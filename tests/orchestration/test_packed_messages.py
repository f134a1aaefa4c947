"""Messages that unpack to more than anybody can hold, or not at all: they are set aside, and cost no memory."""

from __future__ import annotations

import bz2
import json
import lzma
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction
from django.test import override_settings
from kombu import compression

from orchestration.broker.unpacking import Damaged, UnpacksTooLarge
from orchestration.models import DeadLetter, Saga
from orchestration.services import start_saga
from tests.bootstrap.running_system import wait_until
from tests.orchestration.poison import Pill, past_pivot
from tests.orchestration.worker_process import (
    WorkerProcess,
    empty,
    publish_raw,
    worker_process,
)

MEGABYTE = 1024 * 1024
MANY = 100
"""Megabytes that a bomb unpacks to."""
HUGE_DICTIONARY: list[dict[str, Any]] = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 30}]
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "application/x-gzip": zlib.compress,
    "application/x-bz2": bz2.compress,
    "application/x-lzma": lambda raw: lzma.compress(raw, preset=0),
}


def _bomb(pack: Callable[[bytes], bytes]) -> bytes:
    return pack(bytes(MANY * MEGABYTE))


@pytest.mark.parametrize("kind", sorted(PACKERS))
def test_a_bomb_is_not_unpacked_further_than_allowed(kind: str) -> None:
    bomb = _bomb(PACKERS[kind])
    assert len(bomb) < MEGABYTE
    tracemalloc.start()
    try:
        with pytest.raises(UnpacksTooLarge, match="more than 1048576 bytes"):
            compression.decompress(bomb, kind)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * MEGABYTE


@pytest.mark.parametrize("kind", sorted(PACKERS))
def test_what_is_packed_as_it_says_comes_out_and_what_is_not_is_refused(kind: str) -> None:
    good = PACKERS[kind](b"x" * MEGABYTE)
    assert compression.decompress(good, kind) == b"x" * MEGABYTE
    with override_settings(ORCHESTRATION={"MAX_UNPACKED_BYTES": 3}), pytest.raises(UnpacksTooLarge):
        compression.decompress(PACKERS[kind](b"four"), kind)
    for damaged in (good[:-9], good + b"more", b"\0" * 50, b""):
        with pytest.raises((Damaged, zlib.error, OSError, lzma.LZMAError)):
            compression.decompress(damaged, kind)


def test_a_header_cannot_ask_for_memory() -> None:
    forged = lzma.compress(b"x", filters=HUGE_DICTIONARY)
    with pytest.raises(lzma.LZMAError):
        compression.decompress(forged, "xz")


def test_every_kind_that_kombu_has_is_bounded() -> None:
    """A new kombu that knows another one makes somebody decide about it."""
    for kind in compression.encoders():
        assert compression.get_decoder(kind).__module__ == "orchestration.broker.unpacking", kind


@pytest.fixture
def worker(process_environment: dict[str, str], transactional_db: None) -> Iterator[WorkerProcess]:
    queues = ("poison", "orchestration")
    empty(*queues)
    with worker_process(
        process_environment, "-c", "2", "-I", "tests.orchestration.poison", queues=queues
    ) as running:
        yield running


def test_no_packed_message_ends_a_worker(worker: WorkerProcess) -> None:
    bombs = 0
    for task in ("orchestration.advance", "celery.ping"):
        for kind, pack in PACKERS.items():
            publish_raw(_bomb(pack), headers=_headers(task, kind))
            bombs += 1
    wrong: list[tuple[Any, bytes]] = [
        ("gzip", b"\x78\x9c"),
        ("gzip", b"no"),
        ("nothing", b"[]"),
        (["gzip"], b"[]"),
        ({"a": 1}, b"[]"),
        ("bzip2", zlib.compress(b"[]")),
        ("xz", lzma.compress(b"[]", filters=HUGE_DICTIONARY)),
    ]
    for named, body in wrong:
        publish_raw(body, headers=_headers("orchestration.advance", named))
    good = zlib.compress(json.dumps([[], {"saga": str(uuid4())}, {}]).encode())
    publish_raw(good, headers=_headers("orchestration.advance", "gzip"))

    with transaction.atomic():
        saga = start_saga(past_pivot, input=Pill(), business_key=str(uuid4()))
    wait_until(lambda: Saga.objects.get(id=saga.id).state == "completed", "a saga goes through", 60)
    wait_until(lambda: _times("too_large") == bombs, "the bombs are set aside", 30)
    wait_until(lambda: _times("undecodable") == len(wrong), "and so is what is damaged", 30)
    told = DeadLetter.objects.filter(reason="too_large").values_list("detail", flat=True)
    assert set(told) == {"it unpacks to more than 1048576 bytes"}
    assert worker.is_alive
    log = worker.log.read_text()
    assert "Unrecoverable error" not in log
    assert "Connection to broker lost" not in log


def _times(reason: str) -> int:
    return sum(DeadLetter.objects.filter(reason=reason).values_list("times", flat=True))


def _headers(task: str, kind: Any) -> dict[str, Any]:
    return {"task": task, "id": str(uuid4()), "lang": "py", "compression": kind}
