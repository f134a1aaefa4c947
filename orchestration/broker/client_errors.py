"""What the client of a broker raises that cannot send: kombu's and amqp's errors, and those of redis where it is installed."""

from __future__ import annotations

from amqp.exceptions import AMQPError
from kombu.exceptions import OperationalError

_OF_REDIS: tuple[type[Exception], ...] = ()
try:
    from redis.exceptions import RedisError

    _OF_REDIS = (RedisError,)
except ImportError:  # a project on RabbitMQ that counts its chords elsewhere
    pass

BROKER_ERRORS: tuple[type[Exception], ...] = (OperationalError, AMQPError, *_OF_REDIS, OSError)
"""What a broker, or the counter of a chord, may answer. A full one refuses with an error that kombu hands on as it is."""
