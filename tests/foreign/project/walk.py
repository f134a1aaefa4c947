"""Carries one tour that works and one that does not to their ends without a broker, and prints as JSON how they ended and what commands say."""

import json
from io import StringIO

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from tours import tasks  # noqa: E402, F401 - a worker imports them by itself
from tours.sagas import BookTour, book_tour  # noqa: E402

from orchestration.testing import SagaRun  # noqa: E402


def said(command):
    out = StringIO()
    call_command(*command.split(), stdout=out)
    return out.getvalue()


ended = {
    guide: SagaRun(book_tour, BookTour(tour="Alps", guide=guide), business_key=guide).until_rest().state
    for guide in ("Ada", "nobody")
}
COMMANDS = (
    "saga list",
    "saga show nobody",
    "saga stats",
    "saga dead-letters",
    "saga_check",
    "verify",
    "prune --dry-run",
)
print(json.dumps({"ended": ended, "said": {command: said(command) for command in COMMANDS}}))  # noqa: T201
