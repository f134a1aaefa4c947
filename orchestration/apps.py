"""Start-up of the engine within a Django project."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class OrchestrationConfig(AppConfig):
    """Finds every app's `sagas.py`, registers the checks and the worker's heartbeat."""

    name = "orchestration"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Sagas"

    def ready(self) -> None:
        """Wire the engine into this process; no database access here."""
        from orchestration import checks  # noqa: F401 - registered on import
        from orchestration.broker import (
            chord_log,
            connections,  # noqa: F401 - as well
            heartbeat,  # noqa: F401 - registered on import
            mirror,  # noqa: F401 - registered on import
            project_checks,  # noqa: F401 - registered on import
            task_checks,  # noqa: F401 - registered on import
        )
        from orchestration.broker.broadcasts import keep_clocks_whole
        from orchestration.broker.unpacking import bound_unpacking
        from orchestration.engine.database import checks as database_checks  # noqa: F401 - registered on import
        from orchestration.engine.database import connection as database

        database.route()
        chord_log.install()
        bound_unpacking()
        keep_clocks_whole()

        autodiscover_modules("sagas")
