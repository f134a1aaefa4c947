"""The transport for Redis and Valkey, at the address that settings name; it lives in `orchestration.broker`.

`kombu.transport.TRANSPORT_ALIASES["redis"] = "orchestration.redis_transport:Transport"` beside a project's Celery app has it used.
"""

from orchestration.broker.redis_transport import Transport as Transport
