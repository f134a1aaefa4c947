"""How a client is talked to: one JSON object per line on standard input, one per answer on standard output.

`{"do": "batch", "shape": "chain", "sagas": 200}` answers `{"seconds": 1.9, "name": "b1"}`, from before the first start to the
end of the last; `{"do": "singles", ...}` answers `{"seconds": [...]}`, one saga at a time. The end of input ends the client.
Nothing but the standard library, because the client of DBOS runs in an environment of its own.
"""

from __future__ import annotations

import json
import sys
import uuid
from typing import Protocol

GIVE_UP_AFTER = 300.0
GIVE_UP_AFTER_EACH = 1.0
"""Seconds for which a client waits for its sagas: in any case, and for each of them."""


class Carrier(Protocol):
    """What a side can do. All moments are seconds since 1970, by one and the same clock."""

    def now(self) -> float:
        """This moment."""

    def start(self, shape: str, saga: str) -> None:
        """Have a saga begin; returns as soon as its caller would go on."""

    def wait(self, name: str, sagas: int) -> float:
        """Wait for the end of so many sagas, called `name-...`, and return the moment of the last one's end."""


def serve(carrier: Carrier) -> None:
    """Answer until the input ends."""
    answer({"ready": True})
    for line in sys.stdin:
        asked = json.loads(line)
        shape, sagas = asked["shape"], asked["sagas"]
        if asked["do"] == "batch":
            name, seconds = _batch(carrier, shape, sagas)
            answer({"seconds": seconds, "name": name})
        else:
            answer({"seconds": [_batch(carrier, shape, 1)[1] for _ in range(sagas)]})


def answer(said: dict[str, object]) -> None:
    """Print one object."""
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


def _batch(carrier: Carrier, shape: str, sagas: int) -> tuple[str, float]:
    name = uuid.uuid4().hex
    began = carrier.now()
    for number in range(sagas):
        carrier.start(shape, f"{name}-{number}")
    return name, carrier.wait(name, sagas) - began
