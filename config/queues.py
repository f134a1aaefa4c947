"""The queues of this system: one per owner of steps, so that a slow service never stands in another's way."""

from __future__ import annotations

QUEUES = ("orders", "payments", "shipping", "notifications", "orchestration")
