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
        from orchestration import (  # noqa: F401 - registered on import
            checks,
            chord_log,
            database,
            database_checks,
            heartbeat,
            mirror,
            project_checks,
            task_checks,
        )
        from orchestration.broadcasts import keep_clocks_whole
        from orchestration.engine import connections  # noqa: F401 - as well
        from orchestration.unpacking import bound_unpacking

        database.route()
        chord_log.install()
        bound_unpacking()
        keep_clocks_whole()

        autodiscover_modules("sagas")
