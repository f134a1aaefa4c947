"""What a worker does when told to by a control message: it says how it is, and obeys nothing else.

Whoever may write to the broker may broadcast Celery's control commands, which stop workers, shrink their pools, revoke tasks
and move them off their queues. None of that is used here: processes are steered by signals, sagas by their rows. Flower, the
demo corner and `place_orders` only ask, so only questions are answered; everything else is refused and told to the log.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from celery.app.utils import filter_hidden_settings
from celery.signals import celeryd_init
from celery.utils.serialization import jsonify
from celery.worker.control import Panel
from kombu.utils.encoding import safe_repr

logger = logging.getLogger(__name__)

ANSWERED = frozenset(
    {
        "active", "active_queues", "clock", "conf", "dump_active", "dump_conf", "dump_reserved", "dump_revoked",
        "dump_schedule", "dump_tasks", "ping", "query_task", "registered", "reserved", "revoked", "scheduled", "stats",
        # Flower's request that events be sent, which they are anyhow.
        "enable_events",
    }
)  # fmt: skip
"""The commands that change nothing. Not among them: `memdump` and `objgraph`, which cost memory and write files, and `report`,
which tells the settings of Django."""


@celeryd_init.connect
def answer_questions_only(**_: Any) -> None:
    """Take every other command from this process's panel, before its worker listens. Idempotent."""
    for command in Panel.data:
        if command not in ANSWERED:
            Panel.data[command] = _refusing(command)
    Panel.data.update(hello=say_hello, conf=say_settings, dump_conf=say_settings)


def say_hello(state: Any, from_node: str, **_: Any) -> dict[str, Any] | None:
    """Answer a worker that starts with our clock. Celery's own takes over what the other one has revoked."""
    return {"clock": state.app.clock.forward(), "revoked": []} if from_node != state.hostname else None


def say_settings(state: Any, with_defaults: bool = False, **_: Any) -> Any:
    """Answer Celery's settings. Its own answer has Django's too, and the broker's password under a name it does not know."""
    table = state.app.conf.table(with_defaults=with_defaults)
    ours = {
        name.removeprefix("CELERY_").lower(): value
        for name, value in table.items()
        if name.startswith("CELERY_") or name.islower()
    }
    return jsonify(filter_hidden_settings(ours), unknown_type_filter=safe_repr)


def _refusing(command: str) -> Callable[..., dict[str, str]]:
    def refuse(state: Any, **_: Any) -> dict[str, str]:
        logger.warning("remote control: %s was refused", command)
        return {"error": f"{command} is refused: this worker answers questions only"}

    return refuse
