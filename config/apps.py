"""Makes the Celery application current wherever Django is set up.

Without it `shared_task(...).delay()` in a web process or a command would quietly use Celery's default broker address.
"""

from __future__ import annotations

from django.apps import AppConfig


class WiringConfig(AppConfig):
    """The project's own app: wiring and the commands `up` runs."""

    name = "config"
    label = "config"

    def ready(self) -> None:
        """Load the Celery application and the project's checks, and have sessions of staff end sooner."""
        from config import celery, server_log, unencrypted  # noqa: F401
        from config.security import sessions
        from config.system import database_roles  # noqa: F401

        sessions.connect()
