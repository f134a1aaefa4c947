"""What an app, a view or a person may ask of the engine."""

from orchestration.engine.database.errors import is_unavailable
from orchestration.engine.incidents.printed import what_fits
from orchestration.services.deciding import retry_step, skip_step
from orchestration.services.reporting import close_contradictions, report_contradiction
from orchestration.services.resending import resend_event
from orchestration.services.settling import settle_step
from orchestration.services.starting import find_saga, publish_event, start_saga
from orchestration.services.steering import cancel_saga, pause_saga, resume_saga

__all__ = [
    "cancel_saga",
    "close_contradictions",
    "find_saga",
    "is_unavailable",
    "pause_saga",
    "publish_event",
    "report_contradiction",
    "resend_event",
    "resume_saga",
    "retry_step",
    "settle_step",
    "skip_step",
    "start_saga",
    "what_fits",
]
