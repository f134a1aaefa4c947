"""Who does it: each step is a Celery task on the queue `tours`."""

from orchestration import StepRejected
from orchestration.participant import performs
from tours import sagas


@performs(sagas.reserve)
def reserve(command, context):
    pass


@performs(sagas.release)
def release(command, context):
    pass


@performs(sagas.hire)
def hire(command, context):
    if command.guide == "nobody":
        raise StepRejected("no guide is free", code="no_guide")


@performs(sagas.dismiss)
def dismiss(command, context):
    pass


@performs(sagas.confirm)
def confirm(command, context):
    pass


@performs(sagas.announce)
def announce(command, context):
    pass
