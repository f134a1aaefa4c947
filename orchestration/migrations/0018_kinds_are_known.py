from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models

_HISTORY = [
    'ended', 'escalated', 'event_applied', 'event_ignored', 'event_misfit', 'event_resent', 'late_failure',
    'late_lease_expired', 'late_outcome_settled', 'late_outcome_still_unknown', 'late_result', 'late_retry_asked',
    'late_retry_hastened', 'late_sent_again', 'late_step_failed', 'late_step_overran', 'late_step_postponed',
    'late_step_rejected', 'late_step_retry', 'late_step_skipped', 'late_step_undone', 'late_times_corrected',
    'late_undo_not_needed', 'lease_expired', 'outcome_settled', 'outcome_still_unknown', 'paused', 'resumed', 'retry_asked',
    'retry_hastened', 'sent_again', 'started', 'step_done', 'step_failed', 'step_overran', 'step_postponed',
    'step_rejected', 'step_retry', 'step_skipped', 'step_undone', 'times_corrected', 'undo_begun', 'undo_failed',
    'undo_not_needed', 'undo_resumed', 'unpaused', 'wait_opened', 'waiting_begun',
]
_INCIDENTS = [
    'bad_command', 'cannot_plan', 'cannot_reach', 'cannot_record', 'cannot_settle', 'contradicting_news', 'effect_differs',
    'event_misfit', 'event_set_aside', 'event_timeout', 'late_effect', 'queue_untaken', 'step_failed', 'step_struggles',
    'undo_failed', 'unknown_definition',
]


class Migration(migrations.Migration):
    """Not valid at first: new rows are checked from now on, and a large table is not read under a lock."""

    dependencies = [
        ('orchestration', '0017_inbox_keeps_only_what_came'),
    ]

    operations = [
        AddConstraintNotValid(
            model_name='sagaevent',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', _HISTORY)), name='history_kind_known'),
        ),
        AddConstraintNotValid(
            model_name='incident',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', _INCIDENTS)), name='incident_kind_known'),
        ),
    ]
