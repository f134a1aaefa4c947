"""The queues of this system: one per owner of steps, so that each can be given workers of its own (docs/scaling.md).

Workers that take them all share their processes: there a service that does not answer takes time from the others.
"""

from __future__ import annotations

QUEUES = ("orders", "payments", "shipping", "notifications", "orchestration")
