"""An e-mail that certainly cannot be mailed is done without, and its row says why."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    """Adds a third state and its reason."""

    dependencies = (("notifications", "0001_initial"),)
    operations = (
        migrations.RemoveConstraint(model_name="emailmessage", name="email_state_fits_time"),
        migrations.AddField(
            model_name="emailmessage",
            name="problem",
            field=models.CharField(blank=True, db_default="", default="", max_length=255),
        ),
        migrations.AlterField(
            model_name="emailmessage",
            name="state",
            field=models.CharField(
                choices=[("pending", "pending"), ("sent", "sent"), ("unmailable", "not mailed")],
                default="pending",
                max_length=16,
            ),
        ),
        migrations.AddConstraint(
            model_name="emailmessage",
            constraint=models.CheckConstraint(
                name="email_state_fits_time",
                condition=models.Q(state="pending", sent_at=None)
                | models.Q(state="sent", sent_at__isnull=False)
                | (models.Q(state="unmailable", sent_at=None) & ~models.Q(problem="")),
            ),
        ),
    )
