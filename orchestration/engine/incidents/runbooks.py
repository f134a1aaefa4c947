"""What a person is told to do about an incident, with the commands as they are to be typed for this saga."""

from __future__ import annotations

from orchestration.core.planning.kinds import IncidentKind
from orchestration.core.planning.states import Direction
from orchestration.engine.incidents import printed
from orchestration.models import Saga

_UNDO = Direction.UNDO


def runbook(saga: Saga, kind: IncidentKind, *, step: str = "", outbox: int | None = None) -> str:
    """Return what to do about an incident.

    Args:
        saga: where it was opened; it may be locked.
        kind: of the incident.
        step: at which step or wait.
        outbox: number of the outbox message concerned, of `event_set_aside`.
    """
    match kind:
        case IncidentKind.UNDO_FAILED:
            return (
                f"The effect of {step} still exists. Look at the provider. Then retry the undo: {printed.retry(saga, step, _UNDO)}. "
                f"Or undo it there and record that, with the values it shows: {printed.settle(saga, step, _UNDO, 'done')}. "
                f"Or leave its effect standing: {printed.skip(saga, step, _UNDO)}."
            )
        case IncidentKind.STEP_FAILED:
            way = printed.direction_of(saga, step)
            left = ""
            if way is Direction.AFTER_UNDO or printed.may_be_skipped(saga, step):
                left = f" Or leave it out: {printed.skip(saga, step, way)}."
            return (
                f"{step} was refused or failed where there is no way back. Mend the cause it names, then retry the step: "
                f"{printed.retry(saga, step, way)}.{left}"
            )
        case IncidentKind.STEP_STRUGGLES:
            return f"{step} fails again and again and is still being retried. Mend the cause it names; nothing else is needed."
        case IncidentKind.EVENT_TIMEOUT:
            return (
                f"The event {step} has not come in time. Ask the service that should send it; when it comes the saga goes on "
                "by itself."
            )
        case IncidentKind.EVENT_SET_ASIDE:
            resend = printed.command("resend", str(outbox), reason="mended")
            return (
                f"Our own worker could not take in the event that {step} waits for. Mend the cause it names (often a worker of "
                f"another version, or MAX_MESSAGE_BYTES), then have the event sent again: {resend}."
            )
        case IncidentKind.EVENT_MISFIT:
            return (
                f"An event that {step} waits for does not fit; the message names the fields, or the source it came from. Ask who "
                "sends it to send it again with the same id and data that fit, or deploy code that takes these; where the source "
                "is a right one, name it in the flow: wait_for(..., source=...). The engine tries again each minute and when a "
                "worker starts, and this closes by itself. Until then only the wait's time limit counts."
            )
        case IncidentKind.CONTRADICTING_NEWS:
            return (
                f"News for {step} was refused, signed though it was: the message says why. Ask who sends it to correct it and "
                "send it again; when it comes the saga goes on and this closes by itself."
            )
        case IncidentKind.UNKNOWN_DEFINITION:
            return "This code does not know the saga's definition or version. Deploy the code that does; the saga has kept its place."
        case IncidentKind.LATE_EFFECT:
            return (
                f"{step} took effect after the saga had ended. The engine undoes it, and this closes by itself. Where it cannot, "
                f"undo it at the provider and record that: {printed.settle(saga, step, _UNDO, 'done')}."
            )
        case IncidentKind.CANNOT_REACH:
            return (
                f"{step} cannot be brought to its end: its provider has not answered for more than two minutes. Nothing is lost, "
                "and the engine goes on asking; this closes by itself when it answers. Look whether the provider, or the way to "
                "it, is down."
            )
        case IncidentKind.CANNOT_SETTLE:
            return (
                f"Nobody can say whether {step} took effect; the message says why. Look at the provider, then record "
                f"{_what_is_true(saga, step)}"
            )
        case IncidentKind.EFFECT_DIFFERS:
            return (
                f"At the provider {step} has had another effect than was asked for; the message names both. Put it right there; "
                f"the engine looks again every ten minutes. Or record {_what_is_true(saga, step)}"
            )
        case IncidentKind.QUEUE_UNTAKEN:
            return (
                "The next step of this saga lies in a queue that no worker takes; the message names it. Start a worker for it: "
                f"{printed.worker(saga.awaits_queue)}. Or add the queue to those of another; this closes by itself."
            )
        case IncidentKind.CANNOT_PLAN:
            return (
                "The engine cannot work out what is next for this saga; the message says what went wrong. Mend what it names: most "
                "often the definition, or a row that was changed by hand. It is tried again each minute, and this closes by itself."
            )
        case IncidentKind.BAD_COMMAND:
            return (
                f"The code that runs now cannot build what {step} is to be given from what is stored; the message names the "
                "fields. Nobody is refused for it, and nothing is undone but by the saga's deadline. Deploy code that can (give "
                "the new field a default, or keep the old version of the definition); the engine tries again each minute and "
                "when a worker starts, and this closes by itself."
            )
        case IncidentKind.CANNOT_RECORD:
            return (
                f"{step} has answered with something that cannot be recorded; the log of its worker has the traceback. Mend the "
                "code of the step: it is tried again, and this closes by itself. Or look at the provider and record "
                f"{_what_is_true(saga, step)}"
            )


def _what_is_true(saga: Saga, step: str) -> str:
    way = printed.direction_of(saga, step)
    done = printed.settle(saga, step, way, "done")
    if way is Direction.UNDO:
        return f"that it is undone, with the values the provider shows: {done}."
    return (
        f"what is true. It took effect, with the values the provider shows: {done}. It has none and never will: "
        f"{printed.settle(saga, step, way, 'absent')}."
    )
