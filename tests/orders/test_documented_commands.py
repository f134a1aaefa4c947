"""The commands of README and docs are typed as they stand there, in the situation they are written for."""

from __future__ import annotations

import re
import shlex
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from orchestration.testing import SagaRun
from tests.orders.fulfilment import DISPATCHED, fulfil, stock

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).resolve().parents[2]
NUMBER = "NW-10248"
"""The order that the documents speak of."""
LABEL = "shipping.create_label"
READING = (
    "saga list",
    "saga show",
    "saga stats",
    "saga_check",
    "prune --dry-run",
    "prune",
    "verify",
    "restock --to-fill",
)
PAGES = ("README.md", "docs/quickstart.md", "docs/operations.md", "docs/commands.md")


def printed(page: str) -> list[str]:
    """The command lines in the blocks of a page, without their comments."""
    text = (ROOT / page).read_text("utf-8")
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    lines = [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]
    return [re.split(r"\s+# ", line)[0].strip() for line in lines if line.startswith("python3 manage.py ")]


def type_in(line: str) -> None:
    """Run a command as a shell would pass it on."""
    call_command(*shlex.split(line)[2:], stdout=StringIO(), stderr=StringIO())


@pytest.fixture(autouse=True)
def shop(catalog: None, settings: Any, tmp_path: Any) -> None:
    settings.EMAIL_BACKEND = "notifications.backends.EmlFileBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path / "mail")
    stock(NW_11=9)


def order_in_a_state_for(verb: str) -> SagaRun:
    """The order that a decision of this kind is about."""
    stuck = {LABEL: 1, "payments.refund": 1} if verb in ("retry", "settle", "skip") else {}
    _, run = fulfil(("NW-11", 1), reference=NUMBER, reject_at=stuck)
    if stuck:
        return run.until_rest()
    return run.pause() if verb == "resume" else run


DECISIONS = [
    line
    for line in printed("docs/operations.md")
    if re.search(r"saga (cancel|retry|settle|skip|pause|resume) ", line)
]


def test_each_kind_of_decision_is_documented() -> None:
    assert {shlex.split(line)[3] for line in DECISIONS} == {
        "cancel",
        "retry",
        "settle",
        "skip",
        "pause",
        "resume",
    }


@pytest.mark.parametrize("line", DECISIONS)
def test_each_documented_decision_is_taken(line: str) -> None:
    run = order_in_a_state_for(shlex.split(line)[3])
    before = run.saga.last_seq
    type_in(line)
    assert run.saga.last_seq > before
    told = shlex.split(line)[shlex.split(line).index("--reason") + 1]
    assert any(told in str(entry.data) or told in str(run.saga.failure) for entry in run.saga.history.all())


QUESTIONS = sorted(
    {
        line
        for page in PAGES
        for line in printed(page)
        if line.removeprefix("python3 manage.py ").startswith(READING)
    }
)


@pytest.mark.parametrize("line", QUESTIONS)
def test_each_documented_question_is_answered(line: str) -> None:
    if "verify" not in line:  # which holds orders against the books of servers that are not here
        _, run = fulfil(("NW-11", 1), reference=NUMBER)
        run.until_rest().send("shipping.dispatched", DISPATCHED).until_rest()
    type_in(line.replace("MY-1", NUMBER))
