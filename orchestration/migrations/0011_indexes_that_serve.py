import django.db.models.deletion
from django.db import migrations, models

_QUEUE_LIKE = "orchestration_queueprobe_queue_0c93b921_like"
_UNIQUE = "saga_one_per_business_key"


class Migration(migrations.Migration):
    """Each index serves a query; those that were only written are gone.

    In one transaction, so that it can give way to whoever holds a table and begin anew (see the command `migrate`). Writes
    to sagas wait while the indexes are built.
    """

    dependencies = [("orchestration", "0010_histories_go_only_with_their_saga")]

    operations = [
        migrations.RemoveConstraint("saga", _UNIQUE),
        migrations.AddConstraint(
            "saga", models.UniqueConstraint(fields=["business_key", "definition"], name=_UNIQUE)
        ),
        migrations.RemoveIndex("saga", "saga_business_key"),
        migrations.RemoveIndex("saga", "saga_by_state"),
        migrations.AddIndex(
            "saga", models.Index(fields=["state", "-created_at", "-id"], name="saga_by_state")
        ),
        migrations.AddIndex(
            "saga",
            models.Index(
                fields=["-created_at", "-id"], condition=models.Q(("paused", True)), name="saga_paused"
            ),
        ),
        migrations.AddIndex(
            "saga",
            models.Index(
                fields=["-created_at", "-id"], condition=models.Q(("rescues__gt", 0)), name="saga_rescued"
            ),
        ),
        migrations.AlterField(
            "sagastep",
            "saga",
            models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="steps",
                to="orchestration.saga",
            ),
        ),
        migrations.AlterField(
            "sagaevent",
            "saga",
            models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="history",
                to="orchestration.saga",
            ),
        ),
        # Made by itself for a text that is a key; nobody looks for what a queue's name begins with.
        migrations.RunSQL(
            f"DROP INDEX IF EXISTS {_QUEUE_LIKE}",
            f"CREATE INDEX {_QUEUE_LIKE} ON orchestration_queueprobe (queue varchar_pattern_ops)",
        ),
    ]
