"""Start-up of the app."""

from __future__ import annotations

from django.apps import AppConfig

from tests.bench.counting import count_messages_if_asked
from tests.bench.profiled import profile_if_asked


class ShopConfig(AppConfig):
    """Found by the engine through its `sagas` and by Celery through its `tasks`."""

    name = "tests.bench.shop"
    label = "bench"

    def ready(self) -> None:
        """Count what this process publishes, or profile it, where that is asked for."""
        count_messages_if_asked()
        profile_if_asked()
