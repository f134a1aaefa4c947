"""A saga with a very long history: its pages are short, the newest first, and every entry can be reached."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from orchestration.models import Saga, SagaEvent
from orchestration.testing import SagaRun
from tests.orchestration.sample import TripInput, trip

pytestmark = pytest.mark.django_db
ENTRIES = 10_000


@pytest.fixture
def long() -> Saga:
    saga = SagaRun(trip, TripInput(name="Ada"), reference="T-1").until_rest().saga
    SagaEvent.objects.bulk_create(
        (
            SagaEvent(
                saga=saga,
                seq=seq,
                kind="step_retry",
                step="sample.charge",
                direction="forward",
                who="engine",
                data={"attempt": seq},
            )
            for seq in range(saga.last_seq + 1, ENTRIES + 1)
        ),
        batch_size=2_000,
    )
    Saga.objects.filter(pk=saga.pk).update(last_seq=ENTRIES)
    saga.refresh_from_db()
    return saga


def shown(*options: str) -> Any:
    out = StringIO()
    call_command("saga", "show", "T-1", *options, "--json", stdout=out)
    return json.loads(out.getvalue().splitlines()[-1])


def test_the_terminal_shows_a_page_and_how_to_get_the_next(long: Saga) -> None:
    first = shown()
    assert [entry["seq"] for entry in first["history"]] == list(range(ENTRIES - 199, ENTRIES + 1))
    assert (first["history_total"], first["history_older"]) == (ENTRIES, ENTRIES - 199)
    second = shown("--before", str(first["history_older"]), "--limit", "3")
    assert [entry["seq"] for entry in second["history"]] == [ENTRIES - 202, ENTRIES - 201, ENTRIES - 200]
    assert shown("--before", "3")["history_older"] is None
    out = StringIO()
    call_command("saga", "show", "T-1", stdout=out)
    printed = out.getvalue()
    assert f"200 of {ENTRIES} entries" in printed
    assert f"--before {ENTRIES - 199}" in printed
    assert printed.index(f"attempt {ENTRIES}") < printed.index(f"attempt {ENTRIES - 1}")


def test_the_admin_shows_a_page_and_leads_to_the_others(long: Saga, admin_client: Client) -> None:
    address = reverse("admin:orchestration_saga_change", args=[long.pk])
    numbers = []
    for query in ("", f"?before={ENTRIES - 199}", "?before=3", "?before=x", "?before=-1"):
        answer = admin_client.get(address + query)
        entries = [entry.seq for entry in answer.context["history"]]
        numbers.append((entries[0], entries[-1], len(entries)))
    newest = (ENTRIES, ENTRIES - 199, 200)
    assert numbers == [newest, (ENTRIES - 200, ENTRIES - 399, 200), (2, 1, 2), newest, newest]
    page = admin_client.get(address).content.decode()
    assert f'href="?before={ENTRIES - 199}#history-heading"' in page
    assert "Newest entries" not in page
    assert "Newest entries" in admin_client.get(f"{address}?before=3").content.decode()
