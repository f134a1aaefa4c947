"""Damaged messages from a seeded generator: bytes, fields and shapes of a good one, changed in a thousand ways."""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

from orchestration.engine.messages.seals import SEAL, sealed

DEEP: Any = json.loads("[" * 60 + "]" * 60)
JUNK: tuple[Any, ...] = (
    None, True, False, 0, -1, 2**63, 10**40, 1e308, float("inf"), float("nan"), "", " ", "\0", "x\0y", "\ud800", "\u202e", "'; --",
    "x" * 101, "y" * 201, "z" * 70_000, "../../etc/passwd", "1.0", "sample.other", [], [None], ["a", {}], {}, {"$ne": 1},
    {"seat": 7}, {"seat": None}, {"seat": "1A", "class": "first"}, {"": ""}, {"__class__": "os.system"}, DEEP,
)  # fmt: skip


@dataclass
class WireMessage:
    """What a consumer is handed, as far as it looks before it runs a task."""

    body: bytes
    headers: Any
    content_type: str = "application/json"
    delivery_info: dict[str, Any] = field(default_factory=lambda: {"routing_key": "orchestration"})

    properties: dict[str, Any] = field(default_factory=dict)

    def decode(self) -> Any:
        return json.loads(self.body.decode())

    payload = property(decode)

    def ack_log_error(self, *_: Any) -> None: ...

    def reject_log_error(self, *_: Any) -> None: ...


def mutants(good: dict[str, Any], task: str, *, seed: int) -> Iterator[WireMessage]:
    """Damaged copies of the message that carries the envelope `good`, without end. The same seed gives the same ones."""
    random = Random(seed)
    kinds: list[Callable[[dict[str, Any], Random], Any]] = [
        _field,
        *[_several] * 2,
        *[_bytes] * 3,
        *[_shape] * 2,
    ]
    while True:
        headers: Any = {"task": task, "id": str(random.getrandbits(64)), "lang": "py"}
        # Each is news of its own, or all but the first would be duplicates and no more.
        fresh = {**copy.deepcopy(good), "id": f"e-{random.getrandbits(64)}"}
        body = random.choice(kinds)(sealed(fresh), random)
        if random.random() < 0.7:
            body = _sealed_anew(body)
        if random.random() < 0.05:
            headers = random.choice([None, [], {}, {**headers, "task": random.choice(JUNK)}])
        yield WireMessage(body if isinstance(body, bytes) else _wire(body), headers)


def _wire(body: Any) -> bytes:
    return json.dumps(body).encode(errors="surrogatepass")


def _sealed_anew(body: Any) -> Any:
    """As a source of ours would send it, were it to say such a thing."""
    match body:
        case [[], {"envelope": {"source": str()} as envelope}, _]:
            with contextlib.suppress(ValueError, TypeError, RecursionError):
                envelope |= sealed({name: value for name, value in envelope.items() if name != SEAL})
    return body


def _call(envelope: Any) -> list[Any]:
    return [[], {"envelope": envelope}, {}]


def _field(envelope: dict[str, Any], random: Random) -> Any:
    name = random.choice([*envelope, "data", "extra", "sagaid"])
    match random.randrange(4):
        case 0:
            envelope.pop(name, None)
        case 1 if isinstance(envelope.get(name), str):
            text = envelope[name]
            cut = random.randrange(len(text) + 1)
            envelope[name] = (
                text[:cut] + random.choice(["", "é", " ", "\0", "\ud83d", text]) + text[cut + 1 :]
            )
        case 2:
            envelope["data"] = {random.choice(["seat", "Seat", "", "place"]): random.choice(JUNK)}
        case _:
            envelope[name] = random.choice(JUNK)
    return _call(envelope)


def _several(envelope: dict[str, Any], random: Random) -> Any:
    for name in random.sample(sorted(envelope), random.randrange(2, len(envelope))):
        envelope[name] = random.choice(JUNK)
    return _call(envelope)


def _bytes(envelope: dict[str, Any], random: Random) -> Any:
    raw = bytearray(_wire(_call(envelope)))
    for _ in range(random.randrange(1, 6)):
        at = random.randrange(len(raw))
        match random.randrange(4):
            case 0:
                raw[at] ^= 1 << random.randrange(8)
            case 1:
                del raw[at : at + random.randrange(1, 9)]
            case 2:
                raw[at:at] = random.randbytes(random.randrange(1, 5))
            case _:
                raw[at:at] = raw[at : at + 20]
    return bytes(raw[: random.randrange(len(raw) + 1)] if random.random() < 0.1 else raw)


def _shape(envelope: dict[str, Any], random: Random) -> Any:
    return random.choice(
        [
            random.choice(JUNK),
            [envelope],
            [[envelope], {}, {}],
            [[], envelope, {}],
            [[], {"envelope": envelope, "more": 1}, {}],
            [[], {"envelope": envelope}, random.choice(JUNK), 1],
            {"args": [], "kwargs": {"envelope": envelope}},
            _call(random.choice(JUNK)),
            _call([envelope]),
            _call(json.dumps(envelope)),
        ]
    )
