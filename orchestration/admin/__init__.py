"""Sagas, incidents, messages and failed tasks in the admin: to look at, not to change. With django-unfold or without it."""

from __future__ import annotations

from orchestration.admin import dead_letters, inbox, incidents, outbox, sagas, task_results

__all__ = ["dead_letters", "inbox", "incidents", "outbox", "sagas", "task_results"]
