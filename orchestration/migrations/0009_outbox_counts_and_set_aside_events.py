"""One count becomes two: what the broker refused, and what was lost. An event that was set aside has a state of its own.

The outbox is locked for moments: new columns have constant defaults, and of its indexes only one is rebuilt, over the events
that were not yet received. What was counted so far were both, mostly refusals.
"""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('orchestration', '0008_admin_lists'),
    ]

    operations = [
        migrations.RenameField(model_name='outboxmessage', old_name='failures', new_name='send_failures'),
        migrations.AddField(
            model_name='outboxmessage', name='losses', field=models.PositiveIntegerField(db_default=0)
        ),
        migrations.AddField(
            model_name='outboxmessage', name='set_aside_at', field=models.DateTimeField(null=True)
        ),
        migrations.AddField(
            model_name='outboxmessage', name='resent_at', field=models.DateTimeField(null=True)
        ),
        migrations.AddField(
            model_name='outboxmessage',
            name='resent_by',
            field=models.CharField(blank=True, db_default='', max_length=100),
        ),
        migrations.AddField(
            model_name='outboxmessage',
            name='resent_because',
            field=models.TextField(blank=True, db_default=''),
        ),
        migrations.RemoveIndex(model_name='outboxmessage', name='outbox_unreceived'),
        migrations.AddIndex(
            model_name='outboxmessage',
            index=models.Index(
                condition=models.Q(
                    ('kind', 'event'),
                    ('received_at__isnull', True),
                    ('sent_at__isnull', False),
                    ('set_aside_at__isnull', True),
                ),
                fields=['sent_at'],
                name='outbox_unreceived',
            ),
        ),
        migrations.AddIndex(
            model_name='outboxmessage',
            index=models.Index(
                condition=models.Q(('set_aside_at__isnull', False)),
                fields=['-set_aside_at'],
                name='outbox_set_aside',
            ),
        ),
        migrations.AddConstraint(
            model_name='outboxmessage',
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ('set_aside_at', None),
                    models.Q(('kind', 'event'), ('received_at__isnull', True), ('sent_at__isnull', False)),
                    _connector='OR',
                ),
                name='outbox_set_aside_never_arrived',
            ),
        ),
        migrations.AddField(
            model_name='deadletter',
            name='event',
            field=models.CharField(blank=True, db_default='', max_length=64),
        ),
        migrations.AddIndex(
            model_name='deadletter',
            index=models.Index(
                condition=models.Q(('event', ''), _negated=True), fields=['event'], name='dead_letter_of_event'
            ),
        ),
    ]
