"""Whatever the system prints to be typed is typed here, as it stands, in the situation it is printed for."""

from __future__ import annotations

import ast
import re
import shlex
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import transaction
from django.test import Client
from django.utils import timezone

from orchestration.core.planning.kinds import IncidentKind
from orchestration.engine.incidents.printed import fitting
from orchestration.engine.incidents.runbooks import runbook
from orchestration.models import Incident, OutboxMessage, Saga, SagaStep
from orchestration.testing import SagaRun
from orders.models import Order
from tests.orders.fulfilment import DISPATCHED, fulfil, stock

pytestmark = pytest.mark.django_db(transaction=True)
LABEL = "shipping.create_label"
ROOT = Path(__file__).resolve().parents[2]


def commands_in(text: str) -> list[str]:
    found = re.findall(r"`(python3 manage\.py [^`]*)`", text)
    assert "`" not in re.sub(r"`python3 manage\.py [^`]*`", "", text)
    assert "…" not in text
    assert "REF" not in text
    return found


def type_in(command: str) -> None:
    """Run a command as a shell would pass it on, and take back what it did, for the next one."""
    words = shlex.split(command)
    assert words[:2] == ["python3", "manage.py"]
    with transaction.atomic():
        call_command(*words[2:], stdout=StringIO(), stderr=StringIO())
        transaction.set_rollback(True)


@pytest.fixture(autouse=True)
def shop(catalog: None, settings: Any, tmp_path: Any) -> None:
    settings.EMAIL_BACKEND = "notifications.backends.EmlFileBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path / "mail")
    stock(NW_11=9)


def shipped(**faults: Any) -> SagaRun:
    _, run = fulfil(("NW-11", 1), **faults)
    return run.until_rest().send("shipping.dispatched", DISPATCHED)


def verbs(commands: list[str]) -> list[str]:
    return [shlex.split(command)[3] for command in commands]


@pytest.mark.parametrize(
    ("faults", "kind", "expected"),
    [
        ({LABEL: 1, "payments.refund": 1}, "undo_failed", ["retry", "settle", "skip"]),
        ({LABEL: 1, "payments.void": 1}, "undo_failed", ["retry", "settle", "skip"]),
        ({LABEL: 1, "shipping.release_stock": 1}, "undo_failed", ["retry", "settle", "skip"]),
        ({LABEL: 1, "notifications.order_cancelled": 1}, "step_failed", ["retry", "skip"]),
        ({"notifications.order_shipped": 1}, "step_failed", ["retry", "skip"]),
    ],
)
def test_each_command_of_a_runbook_runs_as_it_is_printed(
    faults: dict[str, int], kind: str, expected: list[str]
) -> None:
    _, run = fulfil(("NW-11", 1), reject_at=faults)
    if LABEL not in faults:
        run.until_rest().send("shipping.dispatched", DISPATCHED)
    run.until(lambda each: bool(each.incidents))
    (incident,) = run.incidents
    commands = commands_in(incident.runbook)
    assert (incident.kind, verbs(commands)) == (kind, expected)
    for command in commands:
        type_in(command)


@pytest.mark.parametrize("kind", ["cannot_settle", "effect_differs", "cannot_record"])
@pytest.mark.parametrize("step", ["payments.authorize", "payments.capture", LABEL])
def test_what_is_recorded_of_an_unknown_outcome_runs_as_it_is_printed(kind: str, step: str) -> None:
    _, run = fulfil(("NW-11", 1))
    run.until_rest()
    # As a worker leaves it that died while it acted.
    SagaStep.objects.filter(saga_id=run.id, name=step).update(
        state="unknown", unsure=True, lease_until=None, result=None
    )
    later = SagaStep.objects.get(saga_id=run.id, name=step).id
    SagaStep.objects.filter(saga_id=run.id, id__gt=later).delete()
    commands = commands_in(runbook(run.saga, IncidentKind(kind), step=step))
    assert verbs(commands) == ["settle", "settle"]
    for command in commands:
        type_in(command)


def test_an_event_that_was_set_aside_is_sent_again_by_the_command_that_is_printed(client: Client) -> None:
    run = shipped()
    message = OutboxMessage.objects.filter(kind="event").latest("id")
    OutboxMessage.objects.filter(pk=message.pk).update(
        set_aside_at=timezone.now(), sent_at=timezone.now(), received_at=None
    )
    (command,) = commands_in(
        runbook(run.saga, IncidentKind.EVENT_SET_ASIDE, step="shipping.dispatched", outbox=message.pk)
    )
    type_in(command)
    client.force_login(User.objects.create_superuser("root"))
    page = client.get(f"/admin/orchestration/outboxmessage/{message.pk}/change/").content.decode()
    assert f"<code>{command.replace(chr(39), '&#x27;')}</code>" in page


def test_what_a_page_says_of_a_saga_fits_its_state(client: Client) -> None:
    order, run = fulfil(("NW-11", 1))
    client.force_login(User.objects.create_superuser("root"))

    def printed() -> list[str]:
        commands = list(fitting(run.saga))
        for page in (f"orchestration/saga/{run.id}", f"orders/order/{order.pk}"):
            told = re.sub(r"</?span[^>]*>", "", client.get(f"/admin/{page}/change/").content.decode())
            for command in commands:
                assert f"<code>{command.strip('`').replace(chr(39), '&#x27;')}</code>" in told
            assert ("saga cancel" in told) is any("saga cancel" in command for command in commands)
        for command in commands:
            type_in(command.strip("`"))
        return verbs([command.strip("`") for command in commands])

    assert printed() == ["pause", "cancel"]
    run.pause()
    assert printed() == ["resume", "cancel"]
    run.resume().until_rest()
    assert printed() == ["pause"]  # its label is made
    run.send("shipping.dispatched", DISPATCHED).until(lambda each: each.state == "completed")
    assert printed() == []


def test_a_reference_that_two_sagas_have_is_not_printed() -> None:
    _, run = fulfil(("NW-11", 1), reject_at={LABEL: 1, "payments.refund": 1})
    other = Saga.objects.create(
        definition="other",
        version=1,
        fingerprint="x",
        business_key="other",
        reference=run.saga.reference,
        input={},
    )
    run.until_rest()
    assert all(str(run.id) in command for command in commands_in(Incident.objects.get().runbook))
    assert other.reference == run.saga.reference
    for command in commands_in(Incident.objects.get().runbook):
        type_in(command)
    assert Order.objects.count() == 1


OURS = {
    "saga",
    "saga_check",
    "restock",
    "place_orders",
    "prune",
    "import_catalog",
    "bench",
    "chaos",
    "crash_matrix",
}
"""Commands whose name is no word of a sentence beside."""


def test_no_message_names_half_a_command() -> None:
    """A command with words behind it is there to be typed: it is whole. One that is only named stands alone."""
    half = []
    for app in ("orchestration", "orders", "payments", "shipping", "notifications", "config"):
        for path in sorted((ROOT / app).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
                    continue
                for told in re.findall(r"`([^`\n]+)`", node.value):
                    words = told.split()
                    if words[0] in OURS and len(words) > 1 and not _is_docstring(node, path):
                        half.append(f"{path.relative_to(ROOT)}: {told}")
    assert half == []


def _is_docstring(node: ast.Constant, path: Path) -> bool:
    tree = ast.parse(path.read_text())
    bodies = (each.body for each in ast.walk(tree) if hasattr(each, "body") and isinstance(each.body, list))
    return any(
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and statement.value.lineno == node.lineno
        for body in bodies
        for statement in body
    )


@pytest.mark.parametrize(
    ("typed", "ends_with"),
    [
        (["saga", "show", "nobody"], " shows the newest"),
        (["restock"], "`python3 manage.py restock --to-fill`."),
    ],
)
def test_what_a_refusal_tells_to_type_instead_runs(typed: list[str], ends_with: str) -> None:
    with pytest.raises(CommandError) as refused:
        call_command(*typed)
    assert str(refused.value).endswith(ends_with)
    for command in commands_in(str(refused.value)):
        type_in(command)
