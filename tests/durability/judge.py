"""The judge: what must be true of rows and ledgers, at every moment and in the end. The checks of `verify`, and the ledger.

It knows nothing of single guards: every test here is judged by the same sentences.
"""

from __future__ import annotations

from collections import Counter, defaultdict

from django.db import connection
from django.db.models import Exists, OuterRef

from orchestration.models import InboxDelivery, InboxMessage, Incident, OutboxMessage, Saga, SagaEvent
from orchestration.verification import run_invariants
from tests.durability.deliveries import Violation
from tests.durability.provider import Effect
from tests.durability.trip import ALL, ONE_BEFORE_THE_OTHER, UNDONE, provider
from tests.durability.world import World

ONLY_WHEN_SWEPT = {"orchestration: what is due is done", "orchestration: what was decided is sent"}
"""Hold while a heartbeat beats; in the middle of a test nobody has swept yet, and a busy machine may need half a minute for it."""
FORWARD_ORDER = [
    *(("model.open", later) for later in ALL[1:]),
    ("model.hold", "model.label"),
    *((earlier, "model.confirm") for earlier in ALL[:5]),
    ("model.confirm", "model.ship"),
    ("model.ship", "model.tell"),
]


def ledger() -> list[Effect]:
    """Every effect, ours and the provider's, in the order they happened."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT number, saga_id::text, step, direction, key FROM model_effect")
        ours = [Effect(*row) for row in cursor.fetchall()]
    return sorted([*ours, *provider.effects.values()], key=lambda effect: effect.number)


def at_every_moment(world: World) -> None:
    """Safety.

    Raises:
        Violation: naming each thing out of place.
    """
    results = run_invariants(
        only=lambda name: name.startswith("orchestration:") and name not in ONLY_WHEN_SWEPT
    )
    found = [f"{result.name}: {text}" for result in results for text in result.violations]
    _raise(found + _faults_of(world))


def of_the_ledger(world: World) -> None:
    """The cheap part of safety: what the ledgers and the test itself have seen.

    Raises:
        Violation: naming each thing out of place.
    """
    _raise(_faults_of(world))


def in_the_end(world: World) -> None:
    """Liveness, after `finish`: every saga ended, and the ledger is what its state says.

    Raises:
        Violation: naming each thing out of place.
    """
    at_every_moment(world)
    results = run_invariants(only=lambda name: name in ONLY_WHEN_SWEPT)
    found = [f"{result.name}: {text}" for result in results for text in result.violations]
    counted = Counter((effect.saga, effect.step, effect.direction) for effect in ledger())
    for saga in Saga.objects.all():
        found += [f"{saga}: {fault}" for fault in _ending_faults(saga, counted)]
    keys = set(Saga.objects.values_list("business_key", flat=True))
    if lost := sorted(set(world.bodies) - keys):
        found.append(f"lost: no saga for {', '.join(lost)}, whose start was acknowledged")
    if unsent := OutboxMessage.objects.filter(sent_at=None).count():
        found.append(f"{unsent} outbox messages were never sent")
    for left in InboxDelivery.objects.filter(state__in=["parked", "due"]).select_related("message"):
        found.append(f"event {left.message.event_id} is still {left.state} although its saga has ended")
    # What came before its saga was there, which ended without waiting for it, may still be for another one.
    # By ids, which grow with time: the moments of sagas are moved here.
    began = Saga.objects.filter(business_key=OuterRef("key"), id__lt=OuterRef("id"))
    for missed in InboxMessage.objects.filter(Exists(began), parked=True, type="model.restocked"):
        found.append(f"event {missed.event_id} is still parked, and its saga was there when it came")
    arrived = set(InboxMessage.objects.values_list("event_id", flat=True))
    found += [
        f"event {event} arrived, and its publisher never committed" for event in arrived - world.published
    ]
    found += [f"lost: event {event} was published and never arrived" for event in world.published - arrived]
    for incident in Incident.objects.filter(resolved_at=None):
        found.append(f"an incident is still open: {incident}")
    _raise(found)


def _faults_of(world: World) -> list[str]:
    return [*world.faults, *_ledger_faults(world), *_start_faults(world), *_pause_faults(world)]


def _raise(found: list[str]) -> None:
    if found:
        raise Violation("\n".join(found))


def _ledger_faults(world: World) -> list[str]:
    faults: list[str] = []
    by_saga: dict[str, list[Effect]] = defaultdict(list)
    for effect in ledger():
        by_saga[effect.saga].append(effect)
    tardy = world.processes.tardy - {"model.ship", "model.charge"}  # their provider refuses what was settled
    disordered = {
        str(saga)
        for saga in SagaEvent.objects.filter(
            kind__in=("retry_asked", "late_result", "late_failure")
        ).values_list("saga_id", flat=True)
    }
    for saga, effects in by_saga.items():
        counted = Counter((effect.step, effect.direction) for effect in effects)
        faults += [
            f"ledger: {step} ({direction}) of {saga} took effect {times} times"
            for (step, direction), times in counted.items()
            if times > 1
        ]
        forward = {e.step: e.number for e in reversed(effects) if e.direction == "forward"}
        undone = {e.step: e.number for e in reversed(effects) if e.direction == "undo"}
        faults += [
            f"ledger: {step} of {saga} was undone, and never done" for step in undone if step not in forward
        ]
        faults += [
            f"ledger: {later} of {saga} took effect before {earlier}"
            for earlier, later in FORWARD_ORDER
            if later in forward and not forward.get(earlier, later_than_all) < forward[later]
        ]
        first_undo = min(undone.values(), default=None)
        if first_undo is not None:
            faults += [
                f"ledger: {step} of {saga} took effect after undo had gone to work"
                for step, number in forward.items()
                if number > first_undo and step not in tardy
            ]
            if "model.ship" in forward:
                faults.append(f"ledger: {saga} was shipped, and undone")
        if saga not in disordered:
            faults += [
                f"ledger: {earlier} of {saga} was undone before {later}"
                for earlier, later in ONE_BEFORE_THE_OTHER
                if earlier in undone
                and later in forward
                and not undone.get(later, later_than_all) < undone[earlier]
            ]
    return faults


later_than_all = 1_000_000_000


def _pause_faults(world: World) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT number, saga_id::text, step FROM model_effect")
        local = cursor.fetchall()
    return [
        f"ledger: {step} of {saga} took effect while the saga was paused"
        for paused, begun, ended in world.pauses
        for number, saga, step in local
        if saga == paused and begun < number < (ended or later_than_all)
    ]


def messages_stay_few(world: World) -> None:
    """In a world without faults, however its broker doubles.

    Raises:
        Violation: a message came again and again.
    """
    _raise(
        [
            f"messages multiply: {step} ({direction}) was delivered {times} times"
            for (step, direction), times in world.delivered.items()
            if times > MOST_DELIVERIES
        ]
    )


MOST_DELIVERIES = 4
"""Of a doubled message: itself twice, and a rescue's."""


def _start_faults(world: World) -> list[str]:
    faults = []
    for saga in Saga.objects.all():
        bodies = world.tried.get(saga.business_key, set())
        if saga.input["short"] not in bodies:
            faults.append(f"{saga} exists, and nobody started it so")
        elif saga.input["short"] != world.bodies.get(saga.business_key, saga.input["short"]):
            faults.append(f"{saga} has another body than the start that was acknowledged")
        if saga.state == "undo_failed":
            failed = {
                row.name for row in saga.steps.filter(direction="undo", state__in=("failed", "rejected"))
            }
            if not failed <= world.troubled_undos:
                faults.append(f"{saga}: an undo failed that nobody made fail: {sorted(failed)}")
    return faults


def _ending_faults(saga: Saga, counted: Counter[tuple[str, str, str]]) -> list[str]:
    def times(step: str, direction: str = "forward") -> int:
        return counted[str(saga.id), step, direction]

    if saga.ended_at is None:
        return [f"has not ended: {saga.state}"]
    if saga.state == "completed":
        return [
            *(f"completed without {step}" for step in ALL if times(step) != 1),
            *(f"completed, and {step} was undone" for step in UNDONE if times(step, "undo")),
        ]
    return [
        *(
            f"{saga.state}, {step} was done {times(step)} and undone {times(step, 'undo')} times"
            for step in UNDONE
            if times(step) != times(step, "undo")
        ),
        *(f"{saga.state}, and {step} took effect" for step in ("model.ship", "model.tell") if times(step)),
        *([] if times("model.apologise", "after_undo") == 1 else [f"{saga.state}, and nobody apologised"]),
    ]
