"""What can be wrong with a definition, found before the process starts. Each fault has a code, a sentence and a hint."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from orchestration.core.definition.arguments import shown
from orchestration.core.definition.binding import INPUT, available_fields, possible_fields, producers_before
from orchestration.core.definition.nodes import Choice, Nothing, OnTimeout, Parallel, Sequence, Step, Wait
from orchestration.core.definition.references import StepReference
from orchestration.core.definition.saga_definition import SagaDefinition
from orchestration.core.definition.stored_fields import unstorable_fields

LONGEST_HALF = 400
"""Characters at either end of a sentence that is cut in its middle."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a definition."""

    code: str
    """Stable, `E1xx`."""
    message: str
    hint: str


def faults(definition: SagaDefinition) -> list[Fault]:
    """Every fault of a definition; empty when it may run."""
    found = list(_duplicate_names(definition))
    if not found:  # with two steps of one name the other questions have no single answer
        found = [fault for rule in _RULES for fault in rule(definition)]
    return [Fault(fault.code, _cut(fault.message), _cut(fault.hint)) for fault in found]


def _cut(sentence: str) -> str:
    """A sentence that can be read, whatever name of megabytes it quotes."""
    if len(sentence) <= 2 * LONGEST_HALF:
        return sentence
    return f"{sentence[:LONGEST_HALF]} … {sentence[-LONGEST_HALF:]}"


def _duplicate_names(definition: SagaDefinition) -> Iterator[Fault]:
    counted = Counter(node.name for node in definition.walk() if isinstance(node, Step | Wait))
    for name, times in counted.items():
        if times > 1:
            yield Fault(
                "E101",
                f"{definition}: {times} steps or waits are called {name!r}.",
                f"Give each its own name: step(..., name='{name}_again').",
            )
        if name == INPUT:
            yield Fault(
                "E101",
                f"{definition}: a step is called 'input'.",
                "Choose another name; 'input' means the saga's input.",
            )


def _missing_undo(definition: SagaDefinition) -> Iterator[Fault]:
    if definition.pivot is None:
        return
    before = [
        n
        for n in definition.flow.walk()
        if isinstance(n, Step) and not n.pivot and n.name not in definition.after_pivot
    ]
    for step in before:
        if step.undo is None:
            yield Fault(
                "E102",
                f"{definition}: step {step.name!r} comes before the pivot and has no undo.",
                "Write step(..., undo=...), or undo=nothing('why nothing has to be undone').",
            )


def _undo_without_pivot(definition: SagaDefinition) -> Iterator[Fault]:
    """Without a pivot every step but the last may have to be undone."""
    if definition.pivot is not None:
        return
    steps = [node for node in definition.flow.walk() if isinstance(node, Step)]
    for step in steps[:-1]:
        if step.undo is None:
            yield Fault(
                "E102",
                f"{definition}: step {step.name!r} has no undo, and what comes after it may fail.",
                "Write step(..., undo=...) or undo=nothing('why'), or mark the point of no return with pivot=True.",
            )


def _undo_after_pivot(definition: SagaDefinition) -> Iterator[Fault]:
    for step in definition.steps.values():
        if (
            step.pivot or step.name in definition.after_pivot or step.name in definition.closing
        ) and step.undo is not None:
            yield Fault(
                "E103",
                f"{definition}: step {step.name!r} can never be undone where it stands, yet it has an undo.",
                "Remove the undo, or move the step before the pivot.",
            )


def _gives_up_after_pivot(definition: SagaDefinition) -> Iterator[Fault]:
    for step in definition.steps.values():
        if (
            step.name in definition.after_pivot | definition.closing
            and step.retry
            and step.retry.attempts is not None
        ):
            yield Fault(
                "E104",
                f"{definition}: step {step.name!r} gives up after {step.retry.attempts} attempts, but there is no way back from it.",
                "Use RetryPolicy(attempts=None): past the pivot and after undo a step is retried until it works.",
            )
    for wait in definition.waits.values():
        if wait.name in definition.after_pivot and wait.otherwise is OnTimeout.GIVE_UP:
            yield Fault(
                "E104",
                f"{definition}: the wait for {wait.name!r} gives up past the pivot, where nothing can be undone.",
                "Use otherwise=escalate.",
            )


def _pivot_place(definition: SagaDefinition) -> Iterator[Fault]:
    pivots = [node.name for node in definition.walk() if isinstance(node, Step) and node.pivot]
    if len(pivots) > 1:
        yield Fault(
            "E105",
            f"{definition}: more than one pivot: {', '.join(pivots)}.",
            "Keep the first point of no return only.",
        )
    main = definition.flow.nodes if isinstance(definition.flow, Sequence) else (definition.flow,)
    top_level = [node.name for node in main if isinstance(node, Step)]
    for name in pivots:
        if name not in top_level:
            yield Fault(
                "E106",
                f"{definition}: the pivot {name!r} stands inside a parallel, a choice or after_undo.",
                "Put it into the main sequence, so that everything before it has finished.",
            )


def _choices(definition: SagaDefinition) -> Iterator[Fault]:
    for node in definition.walk():
        if not isinstance(node, Choice):
            continue
        decider = definition.steps.get(node.on)
        if decider is None:
            yield Fault(
                "E107",
                f"{definition}: a choice depends on {node.on!r}, which is not a step of it.",
                "Name a step that comes before the choice.",
            )
            continue
        inside = [
            part.name for child in node.children() for part in child.walk() if isinstance(part, Step | Wait)
        ]
        first = inside[0] if inside else None
        if first is not None and node.on not in producers_before(definition, first):
            yield Fault(
                "E107",
                f"{definition}: a choice on {node.on!r} stands before that step.",
                "Move the choice behind it.",
            )
        for kind, _ in node.branches:
            if kind not in decider.reference.gives:
                yield Fault(
                    "E108",
                    f"{definition}: {node.on!r} never gives {kind.__name__}, so that branch is dead.",
                    f"It gives {', '.join(t.__name__ for t in decider.reference.gives) or 'nothing'}.",
                )
        if not node.branches:
            yield Fault(
                "E108",
                f"{definition}: a choice on {node.on!r} has no branch.",
                "Give it at least one, or remove it.",
            )


def _unfilled_fields(definition: SagaDefinition) -> Iterator[Fault]:
    for step in definition.steps.values():
        for undo, reference in _sides(step):
            known = available_fields(definition, step, undo=undo)
            for field, info in reference.takes.model_fields.items():
                source = step.take.get(field)
                if source is not None:
                    allowed = [
                        *producers_before(definition, step.name),
                        INPUT,
                        *([step.name] if undo else []),
                    ]
                    if source not in allowed or field not in possible_fields(definition, source):
                        yield Fault(
                            "E110",
                            f"{definition}: {reference} takes {field!r} from {source!r}, which does not give it before that.",
                            "Name an earlier step whose result has that field, or 'input'.",
                        )
                elif info.is_required() and field not in known:
                    yield Fault(
                        "E109",
                        f"{definition}: {reference} needs {field!r}, which neither the input nor a step that certainly ran before it gives.",
                        f"Certain there: {', '.join(sorted(known)) or 'nothing'}. Add it to the input, or give the field a default.",
                    )


def _ambiguous_siblings(definition: SagaDefinition) -> Iterator[Fault]:
    for node in definition.flow.walk():
        if not isinstance(node, Parallel):
            continue
        seen: dict[str, str] = {}
        for branch in node.branches:
            names = [part.name for part in branch.walk() if isinstance(part, Step | Wait)]
            for field in {field for name in names for field in possible_fields(definition, name)}:
                if (
                    field in seen
                    and field not in definition.input.model_fields
                    and _is_taken(definition, field, node)
                ):
                    yield Fault(
                        "E111",
                        f"{definition}: two parallel branches ({seen[field]}, {names[0]}) both give {field!r}, and a later step takes it.",
                        f"Say which: step(..., take={{'{field}': ...}}).",
                    )
                seen[field] = names[0]


def _is_taken(definition: SagaDefinition, field: str, fork: Parallel) -> bool:
    inside = {part.name for part in fork.walk() if isinstance(part, Step)}
    later = [
        s
        for s in definition.steps.values()
        if s.name not in inside and set(producers_before(definition, s.name)) & inside
    ]
    return any(
        field in reference.takes.model_fields
        and field not in each.take
        # An undo sees its own step's result first.
        and not (is_undo and available_fields(definition, each, undo=True).get(field) == each.name)
        for each in later
        for is_undo, reference in _sides(each)
    )


def _tasks(definition: SagaDefinition) -> Iterator[Fault]:
    """A task name with two meanings cannot be routed."""
    seen: dict[str, StepReference] = {}
    for step in definition.steps.values():
        for _, reference in _sides(step):
            if seen.setdefault(reference.task, reference) != reference:
                yield Fault(
                    "E112",
                    f"{definition}: the task {reference.task!r} is declared twice, differently.",
                    "Keep one reference per task, in its app's contracts.py.",
                )


def _types_of_one_name(definition: SagaDefinition) -> Iterator[Fault]:
    """Which branch is taken is decided by the name of the result's type, because that is what is stored."""
    for step in definition.steps.values():
        for _, reference in _sides(step):
            counted = Counter(kind.__name__ for kind in reference.gives)
            for name in [name for name, times in counted.items() if times > 1]:
                yield Fault(
                    "E116",
                    f"{definition}: {reference} gives two types that are both called {name!r}.",
                    "Rename one of them: the name is what is stored, and it decides the branch of a choice.",
                )


def _too_long(definition: SagaDefinition) -> Iterator[Fault]:
    """What is stored in a column has its length."""
    named: list[tuple[str, str, int]] = [("the definition's name", definition.name, 100)]
    for step in definition.steps.values():
        named += [("the step's name", step.name, 100), ("the milestone", step.milestone or "", 60)]
        for _, reference in _sides(step):
            named += [("the task's name", reference.task, 100), ("the queue's name", reference.queue, 100)]
            named += [("the name of the result's type", kind.__name__, 100) for kind in reference.gives]
    for wait in definition.waits.values():
        named += [("the wait's name", wait.name, 100), ("the milestone", wait.milestone or "", 60)]
        named += [("the event's type", wait.event, 100), ("the event's source", wait.source or "", 100)]
    for what, text, most in dict.fromkeys(named):
        if len(text) > most:
            yield Fault(
                "E117",
                f"{definition}: {what} {text[:20]!r}… has {len(text)} characters; at most {most} can be stored.",
                f"Shorten it to {most} characters.",
            )


LONGEST_SECONDS = 100 * 366 * 86_400.0
"""A hundred years: no moment that is computed with it leaves the calendar."""


def _durations(definition: SagaDefinition) -> Iterator[Fault]:
    optional = (("its deadline", definition.deadline), ("run_ahead", definition.run_ahead))
    given: list[tuple[str, object]] = [(what, value) for what, value in optional if value is not None]
    for step in definition.steps.values():
        given += [(f"the timeout of {ref}", ref.timeout) for _, ref in _sides(step)]
        for which, policy in (("retry", step.retry), ("undo_retry", step.undo_retry)):
            if policy is not None:
                given += [(f"the {which} of {step.name!r}", policy.longest)]
    given += [(f"the wait for {wait.name!r}", wait.within) for wait in definition.waits.values()]
    for what, value in given:
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LONGEST_SECONDS:
            yield Fault(
                "E118",
                f"{definition}: {what} is {shown(value)}, which is no time from 0 seconds to 100 years.",
                "Write a number of seconds, a timedelta, or days(3), hours(2), minutes(5).",
            )


def _messages(definition: SagaDefinition) -> Iterator[Fault]:
    """What a message holds must come back from the database as it went in."""
    kinds = {definition.input: None}
    for step in definition.steps.values():
        for _, reference in _sides(step):
            kinds |= dict.fromkeys([reference.takes, *reference.gives])
    kinds |= {wait.gives: None for wait in definition.waits.values() if wait.gives is not None}
    for kind in kinds:
        for field, why, hint in unstorable_fields(kind):
            yield Fault("E119", f"{definition}: {kind.__name__}.{field} {why}.", hint)


def _closing_is_plain(definition: SagaDefinition) -> Iterator[Fault]:
    for node in definition.after_undo.walk() if definition.after_undo else ():
        if isinstance(node, Wait | Choice):
            yield Fault(
                "E113",
                f"{definition}: after_undo holds a {type(node).__name__.lower()}.",
                "Only steps, sequences and parallels: undo must come to an end by itself.",
            )


def _sides(step: Step) -> Iterator[tuple[bool, StepReference]]:
    yield False, step.reference
    if step.undo is not None and not isinstance(step.undo, Nothing):
        yield True, step.undo


_RULES: tuple[Callable[[SagaDefinition], Iterator[Fault]], ...] = (
    _missing_undo,
    _undo_without_pivot,
    _undo_after_pivot,
    _gives_up_after_pivot,
    _pivot_place,
    _choices,
    _unfilled_fields,
    _ambiguous_siblings,
    _tasks,
    _types_of_one_name,
    _too_long,
    _durations,
    _messages,
    _closing_is_plain,
)

__all__ = ["Fault", "faults"]
