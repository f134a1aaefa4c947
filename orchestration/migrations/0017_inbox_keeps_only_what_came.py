from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('orchestration', '0016_deliveries'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='inboxmessage',
            name='inbox_state_known',
        ),
        migrations.RemoveConstraint(
            model_name='inboxmessage',
            name='inbox_applied_to_a_saga',
        ),
        migrations.RemoveIndex(
            model_name='inboxmessage',
            name='inbox_parked',
        ),
        migrations.RemoveField(
            model_name='inboxmessage',
            name='applied_at',
        ),
        migrations.RemoveField(
            model_name='inboxmessage',
            name='reason',
        ),
        migrations.RemoveField(
            model_name='inboxmessage',
            name='saga_id',
        ),
        migrations.RemoveField(
            model_name='inboxmessage',
            name='state',
        ),
        migrations.AddIndex(
            model_name='inboxmessage',
            index=models.Index(condition=models.Q(('parked', True)), fields=['id'], name='inbox_parked'),
        ),
    ]
