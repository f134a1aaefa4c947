"""Durable sagas on Django and Celery: rows decide, canvas carries.

What an author of sagas and of contracts needs stands here and imports no Django. `orchestration.participant` makes
Celery tasks of step functions, `orchestration.services` starts and stops sagas, `orchestration.testing` runs them in tests.
"""

from orchestration.core.definition.dsl import (
    choice,
    days,
    escalate,
    give_up,
    hours,
    minutes,
    nothing,
    parallel,
    saga,
    seconds,
    step,
    wait_for,
)
from orchestration.core.definition.outcome import NOT_NEEDED, NotNeeded
from orchestration.core.definition.policy import RetryPolicy
from orchestration.core.definition.references import Message, StepReference, external, local
from orchestration.core.definition.saga_definition import SagaDefinition
from orchestration.core.planning.context import Failure, StepContext
from orchestration.core.planning.standing import Kept
from orchestration.errors import (
    EffectDiffers,
    OutcomeUnknown,
    SagaError,
    SkipRest,
    StepError,
    StepRejected,
    StepRetryable,
)

__all__ = [
    "NOT_NEEDED",
    "EffectDiffers",
    "Failure",
    "Kept",
    "Message",
    "NotNeeded",
    "OutcomeUnknown",
    "RetryPolicy",
    "SagaDefinition",
    "SagaError",
    "SkipRest",
    "StepContext",
    "StepError",
    "StepReference",
    "StepRejected",
    "StepRetryable",
    "choice",
    "days",
    "escalate",
    "external",
    "give_up",
    "hours",
    "local",
    "minutes",
    "nothing",
    "parallel",
    "saga",
    "seconds",
    "step",
    "wait_for",
]
