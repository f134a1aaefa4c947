"""The client of a provider: its calls over any connection, and what is known after each of them.

A *connection* exchanges one request for one whole answer: over HTTP (`providers.http`) or with a sandbox in the same
process (`providers.sandbox`). Every call of a client passes `_call`, which decides its outcome.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Generic, Protocol, TypeVar
from urllib.parse import quote

from orchestration.errors import OutcomeUnknown, StepRejected, StepRetryable
from orchestration.providers.answers import AnswerTable, Reply

Effect = TypeVar("Effect")
Answer = TypeVar("Answer")

UNREADABLE = (TypeError, LookupError, ValueError, AttributeError)
"""What reading an answer raises where it is not the promised one."""


class Connection(Protocol):
    """A way to reach a provider."""

    def exchange(self, method: str, path: str, *, key: str | None = None, body: Any = None) -> Reply:
        """Send one request, with its idempotency key if it has one, and return the whole answer.

        Raises:
            StepRetryable: it was never sent.
            OutcomeUnknown: it was sent, and no whole answer came in time.
        """

    def close(self) -> None:
        """Give up what is kept open; the next call opens it again."""


class ProviderClient(ABC, Generic[Effect]):
    """The base of a client. A subclass states `table` and `read`, and adds the verbs of its port over `act` and `ask`.

    `find` and `refuse` use the addresses of the sandbox: `/by-key/<key>`, and `/by-key/<key>/cancel`, which answers
    `{"effect": ...}`. A client of a provider with other addresses overrides them.
    """

    table: ClassVar[AnswerTable]

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    @abstractmethod
    def read(self, body: Any) -> Effect:
        """Return the effect that an answer describes.

        Raises:
            TypeError, LookupError, ValueError, AttributeError: it describes none.
        """

    def close(self) -> None:
        """Give up open connections; the next call opens new ones."""
        self.connection.close()

    def act(self, path: str, *, key: str, body: Any) -> Effect:
        """Make the call that has the effect.

        Raises:
            StepRejected: there is no effect, for good.
            StepRetryable: there is no effect yet.
            OutcomeUnknown: there may be one; also where the answer cannot be read.
        """
        return self._call("POST", path, self.read, key=key, body=body)

    def ask(self, method: str, path: str, read: Callable[[Any], Answer]) -> Answer:
        """Make a call that has no effect: without an answer that can be read, it may simply be made again.

        Raises:
            StepRejected: the provider says no.
            StepRetryable: there was no such answer.
        """
        try:
            return self._call(method, path, read)
        except OutcomeUnknown as error:
            raise StepRetryable(error.message, code=error.code) from error

    def find(self, key: str) -> Effect | None:
        """Say what was done under this key, if anything was."""
        try:
            return self.ask("GET", f"/by-key/{quoted(key)}", self.read)
        except StepRejected as error:
            if error.code == "not_found":
                return None
            raise

    def refuse(self, key: str) -> Effect | None:
        """Make sure that nothing is done under this key from now on, and say what had been done already."""

        def done_already(body: Any) -> Effect | None:
            return None if body["effect"] is None else self.read(body["effect"])

        return self.ask("POST", f"/by-key/{quoted(key)}/cancel", done_already)

    def _call(
        self,
        method: str,
        path: str,
        read: Callable[[Any], Answer],
        *,
        key: str | None = None,
        body: Any = None,
    ) -> Answer:
        reply = self.connection.exchange(method, path, key=key, body=body)
        self.table.raise_for(reply)
        try:
            return read(reply.body)
        except UNREADABLE as error:
            provider = self.table.provider
            raise OutcomeUnknown(
                f"The {provider}'s answer cannot be read.", code=f"{provider}_answer"
            ) from error


def quoted(part: str) -> str:
    """Return one part of a path, such as an id or a key, with everything quoted that would end it."""
    return quote(part, safe="")
