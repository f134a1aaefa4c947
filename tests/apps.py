"""What disturbs and measures a system, as an app that a development checkout installs: its commands, and nothing else."""

from __future__ import annotations

from django.apps import AppConfig


class TestsConfig(AppConfig):
    """Brings `bench`, `chaos` and `crash_matrix`."""

    name = "tests"
    label = "tests"
