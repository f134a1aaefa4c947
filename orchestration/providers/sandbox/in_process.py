"""A connection to a sandbox in the same process, for tests without a network.

It runs the very code of the sandbox, so it cannot be kinder than the real thing; one conformance suite runs over both.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from orchestration.errors import OutcomeUnknown
from orchestration.providers.answers import Reply
from orchestration.providers.sandbox.rules import Call, Sandbox


class InProcessConnection:
    """Acts, and answers at once. An answer that is later than `seconds` is never seen."""

    def __init__(self, provider: str, sandbox: Sandbox[Any], *, seconds: Callable[[], float]) -> None:
        self._provider = provider
        self._sandbox = sandbox
        self._seconds = seconds

    def exchange(self, method: str, path: str, *, key: str | None = None, body: Any = None) -> Reply:
        """Have one request answered."""
        content = b"" if body is None else json.dumps(body).encode()
        answer = self._sandbox.answer(Call(method, path, key, content))
        if answer.delay > self._seconds():
            raise OutcomeUnknown(
                f"No answer from the {self._provider} in time.", code=f"{self._provider}_silent"
            )
        return Reply(answer.status, answer.body)

    def close(self) -> None:
        """Forget everything."""
        self._sandbox.close()
