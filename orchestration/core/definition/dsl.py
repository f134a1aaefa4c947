"""The words an author writes: `saga`, `step`, `parallel`, `choice`, `wait_for`. They build nodes and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from orchestration.core.definition import registry
from orchestration.core.definition.arguments import (
    LARGEST_INTEGER,
    demand,
    demand_number,
    demand_text,
    is_kind_of,
    is_name,
    is_whole,
    shown,
)
from orchestration.core.definition.nodes import (
    Choice,
    Node,
    Nothing,
    OnTimeout,
    Parallel,
    Sequence,
    Step,
    Wait,
    node,
)
from orchestration.core.definition.policy import UNDO, RetryPolicy
from orchestration.core.definition.references import Message, StepReference
from orchestration.core.definition.saga_definition import SagaDefinition, UndoPolicy
from orchestration.errors import DefinitionError

give_up = OnTimeout.GIVE_UP
escalate = OnTimeout.ESCALATE


def seconds(n: float) -> float:
    """`n` seconds, for symmetry with `days`."""
    demand_number(n, "seconds(...)", "a number, such as seconds(30)")
    return float(n)


def minutes(n: float) -> float:
    """`n` minutes, in seconds."""
    demand_number(n, "minutes(...)", "a number, such as minutes(5)")
    return n * 60.0


def hours(n: float) -> float:
    """`n` hours, in seconds."""
    demand_number(n, "hours(...)", "a number, such as hours(2)")
    return n * 3600.0


def days(n: float) -> float:
    """`n` days, in seconds."""
    demand_number(n, "days(...)", "a number, such as days(3)")
    return n * 86400.0


def _seconds(given: float | timedelta) -> float:
    """A duration in seconds; what is no duration is left for `manage.py check` to name."""
    return given.total_seconds() if isinstance(given, timedelta) else given


def nothing(why: str) -> Nothing:
    """Say that a step before the pivot needs no undo, and why. The reason appears in the drawing and the docs."""
    demand_text(why, "nothing(...)", "why there is nothing to undo: nothing('the hold lapses by itself')")
    return Nothing(why)


def step(
    reference: StepReference,
    *,
    undo: StepReference | Nothing | None = None,
    name: str | None = None,
    pivot: bool = False,
    milestone: str | None = None,
    retry: RetryPolicy | None = None,
    undo_retry: RetryPolicy = UNDO,
    take: Mapping[str, StepReference | str] | None = None,
) -> Step:
    """One action with its undo.

    Args:
        reference: what is done.
        undo: how it is undone, or `nothing("why")`. Needed before the pivot, refused from the pivot on.
        name: key of the step's row; defaults to the reference's task name.
        pivot: the point of no return: what follows is only ever retried.
        milestone: business name of having got here, e.g. `PaymentProcessed`.
        retry: how often the action is tried; the default is patient enough for its place.
        undo_retry: how often the undo is tried.
        take: where a field of the command comes from when its name alone does not say:
            `{"authorization_id": payments.authorize}` or `{"amount_minor": "input"}`.
    """
    if not isinstance(reference, StepReference):
        raise DefinitionError(
            f"step({shown(reference)}): write a reference, made by local(...) or external(...)"
        )
    where = f"step({reference}): its"
    demand(
        isinstance(undo, StepReference | Nothing | None),
        f"{where} undo",
        undo,
        "a reference, or nothing('why there is nothing to undo')",
    )
    demand_text(name, f"{where} name", "a text, or leave it out", optional=True)
    demand(isinstance(pivot, bool), f"{where} pivot", pivot, "True or False")
    demand_text(milestone, f"{where} milestone", "a text, such as 'PaymentProcessed'", optional=True)
    for which, policy in (("retry", retry), ("undo_retry", undo_retry)):
        allowed = RetryPolicy if which == "undo_retry" else RetryPolicy | None
        demand(
            isinstance(policy, allowed),
            f"{where} {which}",
            policy,
            "a RetryPolicy(attempts=..., first=..., longest=...)",
        )
    _demand_sources(take, f"{where} take")
    sources = {field: str(source) for field, source in (take or {}).items()}
    return Step(name or reference.task, reference, undo, pivot, milestone, retry, undo_retry, sources)


def _demand_sources(take: object, where: str) -> None:
    write = "{'field': reference} or {'field': 'input'}"
    demand(isinstance(take, Mapping | None), where, take, write)
    for field, source in take.items() if isinstance(take, Mapping) else ():
        demand_text(field, f"{where}: a field", write)
        demand(is_name(source) or isinstance(source, StepReference), f"{where}[{field!r}]", source, write)


def parallel(first: Node, second: Node, *more: Node) -> Parallel:
    """Run branches at the same time; what follows waits for all of them."""
    for branch in (first, second, *more):
        node(branch, "parallel(...)")
    return Parallel((first, second, *more))


def choice(on: StepReference | str, branches: Mapping[type[Message], Node]) -> Choice:
    """Go the way that the result type of the step `on` says. A type without a branch goes straight on."""
    demand(
        is_name(on) or isinstance(on, StepReference),
        "choice(...): what decides",
        on,
        "the reference of a step",
    )
    write = "{ResultType: step(...)}: each result type with what is done then"
    demand(isinstance(branches, Mapping), f"choice({on}, ...): its branches", branches, write)
    for kind, branch in branches.items():
        is_message = is_kind_of(kind, Message)
        demand(is_message, f"choice({on}, ...): the type of a branch", kind, write)
        node(branch, f"choice({on}, ...)")
    return Choice(str(on), tuple(branches.items()))


def wait_for(
    event: str,
    *,
    within: float | timedelta,
    otherwise: OnTimeout,
    gives: type[Message] | None = None,
    name: str | None = None,
    milestone: str | None = None,
    source: str | None = None,
) -> Wait:
    """Rest until an event of this type comes for the saga's business key.

    Args:
        event: type of the event, past tense, e.g. `shipping.dispatched`.
        within: how long to wait at most, in seconds or as a timedelta.
        otherwise: `give_up` undoes the saga; `escalate` opens an incident and waits on.
        gives: what the event's data must look like; its fields are there for later steps.
        name: key of the wait's row; defaults to the event's type.
        milestone: business name of having got here.
        source: who may say so. By default the first part of the event's type: `shipping.dispatched` is taken from `shipping` only.
            `"*"` takes it from every source with a key. An event of another source opens the incident `event_misfit`.
    """
    demand_text(event, "wait_for(...): the event", "its type as a text, such as 'shipping.dispatched'")
    where = f"wait_for({event!r}, ...): its"
    demand(isinstance(otherwise, OnTimeout), f"{where} otherwise", otherwise, "give_up or escalate")
    is_message = gives is None or is_kind_of(gives, Message)
    demand(is_message, f"{where} gives", gives, "a subclass of Message, or leave it out")
    demand_text(name, f"{where} name", "a text, or leave it out", optional=True)
    demand_text(milestone, f"{where} milestone", "a text, such as 'PaymentProcessed'", optional=True)
    demand_text(source, f"{where} source", "who says so as a text, or leave it out", optional=True)
    return Wait(name or event, event, gives, _seconds(within), otherwise, milestone, source)


def saga(
    name: str,
    *,
    version: int,
    input: type[Message],
    flow: Node,
    after_undo: Node | None = None,
    deadline: float | timedelta | None = None,
    undo_policy: UndoPolicy = "go_on",
    run_ahead: float | timedelta | None = None,
) -> SagaDefinition:
    """Define a saga and make it known to this process.

    Args:
        name: dotted and stable, e.g. `orders.fulfil`; it is stored with every saga.
        version: raise it when the flow changes; keep the old version until its last saga has ended.
        input: what a saga of this kind is started with.
        flow: the steps, composed with `|`, `parallel`, `choice` and `wait_for`.
        after_undo: what runs when everything is undone, before the saga ends.
        deadline: time from the start, in seconds or as a timedelta, after which it is undone, unless its pivot has begun.
        undo_policy: `go_on` undoes the others when one undo fails for good; `stop` waits for a person.
        run_ahead: seconds for which a worker that has recorded a step goes straight on with the next one that is its own to do;
            0: each step comes by message. By default as the setting `RUN_AHEAD_SECONDS` says.

    Returns:
        The definition. Its faults are reported by `manage.py check`, not here, so that all are seen at once.
    """
    demand_text(name, "saga(...): its name", "a text, dotted and stable, such as 'orders.fulfil'")
    is_version = is_whole(version) and 1 <= version <= LARGEST_INTEGER
    demand(is_version, f"saga {name}: version", version, "a whole number from 1 on")
    is_message = is_kind_of(input, Message)
    demand(is_message, f"saga {name}: input", input, "a subclass of Message")
    demand(undo_policy in ("go_on", "stop"), f"saga {name}: undo_policy", undo_policy, "'go_on' or 'stop'")
    node(flow, f"saga {name}: flow")
    if after_undo is not None:
        node(after_undo, f"saga {name}: after_undo")
    definition = SagaDefinition(
        name=name,
        version=version,
        input=input,
        flow=flow if isinstance(flow, Sequence) else Sequence((flow,)),
        after_undo=after_undo,
        deadline=_seconds(deadline) if deadline is not None else None,
        undo_policy=undo_policy,
        run_ahead=_seconds(run_ahead) if run_ahead is not None else None,
    )
    registry.register(definition)
    return definition
