"""A flow of one long local step, for the timeouts of the database."""

from __future__ import annotations

from orchestration import Message, StepContext, local, nothing, saga, step
from orchestration.participant import performs


class Report(Message):
    name: str


write_report = local("database_tests.write_report", takes=Report, timeout=30)
note_report = local("database_tests.note_report", takes=Report)

reporting = saga(
    "database_tests.reporting",
    version=1,
    input=Report,
    flow=step(write_report, undo=nothing("a report")) | step(note_report, undo=nothing("a note")),
)


@performs(write_report)
def do_write_report(command: Report, context: StepContext) -> None:
    """Replaced by tests."""


@performs(note_report)
def do_note_report(command: Report, context: StepContext) -> None:
    """Replaced by tests."""
