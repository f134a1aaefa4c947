"""Sessions that have ended are removed by `prune`, like everything else that is old enough."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.utils import timezone

pytestmark = pytest.mark.owner


def make(key: str, *, ended: timedelta) -> None:
    Session.objects.create(session_key=key, session_data="", expire_date=timezone.now() - ended)


def test_ended_sessions_are_pruned_and_the_others_kept(db: None) -> None:
    make("old", ended=timedelta(days=2))
    make("older", ended=timedelta(days=200))
    make("just ended", ended=timedelta(hours=1))
    make("open", ended=-timedelta(days=80))
    call_command("prune", "--dry-run")
    assert Session.objects.count() == 4
    call_command("prune")
    assert set(Session.objects.values_list("session_key", flat=True)) == {"just ended", "open"}


def test_batches_follow_each_other(db: None) -> None:
    for number in range(7):
        make(str(number), ended=timedelta(days=2 + number))
    call_command("prune", "--batch", "3")
    assert not Session.objects.exists()
