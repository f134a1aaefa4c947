"""Guards of the engine, each switched off for one test, and beside each the schedule in which it matters."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any
from unittest import mock

from orchestration.core.planning import undoing
from orchestration.engine.steps import attempt, delivering
from orchestration.engine.steps.delivering import Verdict
from orchestration.services import steering
from tests.durability import schedules, switching_off, trip
from tests.durability.world import World

Off = Callable[[], AbstractContextManager[Any]]
"""Switches a guard off for the length of a block."""


@dataclass(frozen=True, slots=True)
class Ablation:
    """One guard, how to be without it, and when that matters."""

    guard: str
    off: Off
    schedule: Callable[[World], None]
    caught_by: str
    """Part of the sentence of the ordinary check that finds the harm."""


ABLATIONS = [
    Ablation(
        "a step has one row",
        switching_off.step_rows_not_unique,
        schedules.every_message_twice,
        "took effect 2 times",
    ),
    Ablation(
        "undo begins by one compare-and-set",
        switching_off.undo_begins_again,
        schedules.two_branches_say_no,
        "undo began 2 times",
    ),
    Ablation(
        "a result is recorded under its fencing token only",
        switching_off.tokens_not_compared,
        schedules.a_zombie_fails_while_its_successor_acts,
        "took effect after undo had gone to work",
    ),
    Ablation(
        "a quick step checks the epoch again when it is recorded",
        switching_off.epoch_not_compared,
        schedules.a_zombie_acts_in_a_pause_and_records_after_it,
        "took effect while the saga was paused",
    ),
    Ablation(
        "a quick step checks state and epoch again when it is recorded",
        switching_off.recorded_like_an_external_one,
        schedules.a_local_step_is_overtaken_by_undo,
        "was recorded after undo had begun",
    ),
    Ablation(
        "a quick step that somebody else has recorded is not recorded again",
        switching_off.recorded_anyway,
        schedules.a_duplicate_of_a_quick_step_is_done_while_the_first_freezes,
        "took effect 2 times",
    ),
    Ablation(
        "a local step checks the epoch again when it is recorded",
        switching_off.epoch_not_compared,
        schedules.a_zombie_with_a_claim_acts_in_a_pause_and_records_after_it,
        "took effect while the saga was paused",
    ),
    Ablation(
        "a local step checks state and epoch again when it is recorded",
        switching_off.recorded_like_an_external_one,
        schedules.a_local_step_with_a_claim_is_overtaken_by_undo,
        "was recorded after undo had begun",
    ),
    Ablation(
        "a claim is refused while somebody holds the lease",
        switching_off.leases_not_respected,
        schedules.a_duplicate_comes_while_a_worker_acts,
        "by two workers at once",
    ),
    Ablation(
        "an event is stored once",
        switching_off.events_not_deduplicated,
        schedules.one_event_twice,
        "was applied 2 times",
    ),
    Ablation(
        "what is sent was written first",
        switching_off.sent_before_commit,
        schedules.a_publisher_dies_before_commit,
        "never committed",
    ),
    Ablation(
        "a message acts only when the flow has come to its step",
        lambda: switching_off.answers(attempt, "is_its_turn", True),
        schedules.a_message_comes_for_a_step_far_ahead,
        "ledger: model.ship .* took effect before model.confirm",
    ),
    Ablation(
        "a join counts rows",
        switching_off.joins_not_counted,
        schedules.a_branch_of_a_join_is_counted_twice,
        "model.open was undone before",
    ),
    Ablation(
        "undo waits for what is in flight",
        switching_off.undo_does_not_wait,
        schedules.one_branch_fails_while_another_acts,
        "was not settled when undo went to work",
    ),
    Ablation(
        "an unknown outcome is settled before undo",
        lambda: switching_off.answers(undoing, "_is_unsettled", False),
        schedules.every_answer_is_lost,
        "was undone before model.charge",
    ),
    Ablation(
        "an unknown outcome is looked up before it is tried again",
        lambda: mock.patch.object(trip.do_ship, "find", None),
        schedules.an_answer_is_lost_and_the_provider_forgets_the_key,
        "took effect 2 times",
    ),
    Ablation(
        "the key is cancelled at the provider before undo",
        lambda: mock.patch.object(trip.do_charge, "refuse", trip.find_charge),
        schedules.a_zombie_charges_after_it_was_settled,
        "took effect after undo had gone to work",
    ),
    Ablation(
        "a look-up that finds nothing is believed the second time",
        switching_off.believed_at_once,
        schedules.a_zombie_insures_after_the_first_look_up,
        "took effect after undo had gone to work",
    ),
    Ablation(
        "a duplicate does not carry on",
        lambda: switching_off.answers(delivering, "_refused", Verdict.CARRY_ON),
        schedules.every_message_twice,
        "messages multiply",
    ),
    Ablation(
        "an idempotency key is the same for every attempt",
        switching_off.key_with_attempt,
        schedules.an_answer_is_lost,
        "took effect 2 times",
    ),
    Ablation(
        "a business key has one saga",
        switching_off.business_keys_not_unique,
        schedules.started_twice,
        "2 sagas",
    ),
    Ablation(
        "there is no way back once the pivot has begun",
        lambda: switching_off.answers(steering, "pivot_has_begun", False),
        schedules.a_cancel_comes_while_the_pivot_acts,
        "no way back past the pivot",
    ),
]
