"""Why an order could not be placed, read or cancelled. A class only where a caller decides differently.

OrderError
├── InvalidOrder        the request is wrong; `problems` says which field, what is wrong and what to do
├── ReferenceTaken      the reference belongs to an order with other content
├── OrderNotFound
├── CancelRefused       too late, and why
└── StatusChangeRefused the status machine does not permit it: a programmer's mistake, or a late duplicate
CatalogError            a catalog file is wrong; nothing was written
KeyReused               the idempotency key was used with another request
KeyInUse                a request with that key is being carried out at this moment
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a request."""

    field: str
    """Path to the field, e.g. `lines[0].quantity`; empty for the request as a whole."""
    message: str
    """What is wrong and what to do. Never repeats a card or an address: messages are logged and stored."""

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


MOST_PROBLEMS = 20
"""Who makes more mistakes at once has one cause for them; a longer list helps nobody and costs us."""


def first_of(problems: Sequence[Problem], *, more: int = 0) -> list[Problem]:
    """The first problems, and how many more there are.

    Args:
        problems: of any number.
        more: how many are not even among them.
    """
    left = max(len(problems) - MOST_PROBLEMS, 0) + more
    return [*problems[:MOST_PROBLEMS], *([Problem("", f"and {left} more")] if left > 0 else [])]


class OrderError(Exception):
    """Root of what the services of this app raise."""


class InvalidOrder(OrderError):
    """The request does not describe an order that can be placed."""

    def __init__(self, problems: Sequence[Problem], *, more: int = 0) -> None:
        self.problems = first_of(problems, more=more)
        super().__init__("; ".join(str(problem) for problem in self.problems))


class ReferenceTaken(OrderError):
    """The reference belongs to an order with other content."""

    def __init__(self, reference: str) -> None:
        self.reference = reference
        super().__init__(
            f"reference {reference!r} belongs to an order with other content; "
            "send the same content again, or choose another reference"
        )


class OrderNotFound(OrderError):
    """No such order."""


class CancelRefused(OrderError):
    """The order can no longer be cancelled."""


class StatusChangeRefused(OrderError):
    """The status machine does not permit this change."""

    def __init__(self, order_id: UUID, before: str, after: str) -> None:
        self.order_id, self.before, self.after = order_id, before, after
        super().__init__(f"order {order_id} is {before} and cannot become {after}")


class CatalogError(Exception):
    """A catalog file cannot be imported; nothing was written."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("; ".join(str(problem) for problem in problems))


class KeyReused(Exception):
    """This idempotency key was used with another request; use a new key for a new order."""


class KeyInUse(Exception):
    """A request with this idempotency key is being carried out right now; send it again in a moment."""
