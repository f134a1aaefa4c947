from django.db import migrations, models

_RESCUES = ["sent_again", "lease_expired", "times_corrected"]


class Migration(migrations.Migration):
    """The few entries of histories that tell of a rescue are found by index; times that were corrected are among them."""

    dependencies = [("orchestration", "0014_steps_say_how_long_they_rest")]

    operations = [
        migrations.RemoveIndex("sagaevent", "history_rescues"),
        migrations.AddIndex(
            "sagaevent",
            models.Index(
                fields=["kind"],
                condition=models.Q(("kind__in", [*_RESCUES, *(f"late_{kind}" for kind in _RESCUES)])),
                name="history_rescues",
            ),
        ),
    ]
