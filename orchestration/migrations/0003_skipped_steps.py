from django.db import migrations, models

STATES = ["absent", "done", "failed", "not_needed", "pending", "rejected", "running", "skipped", "unknown", "waiting"]
CHOICES = ["pending", "running", "waiting", "unknown", "done", "rejected", "failed", "not_needed", "skipped", "absent"]


class Migration(migrations.Migration):
    """A step may be `skipped`. The constraint is checked against every row once, under a lock on the table."""

    dependencies = [("orchestration", "0002_queue_probes")]

    operations = [
        migrations.AlterField(
            model_name="sagastep",
            name="state",
            field=models.CharField(
                choices=[(state, state) for state in CHOICES], db_default="pending", max_length=10
            ),
        ),
        migrations.RemoveConstraint(model_name="sagastep", name="step_state_known"),
        migrations.AddConstraint(
            model_name="sagastep",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", STATES)), name="step_state_known"
            ),
        ),
    ]
