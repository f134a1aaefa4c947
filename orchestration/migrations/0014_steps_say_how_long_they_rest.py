from django.db import migrations, models


class Migration(migrations.Migration):
    """A step that rests says for how long, beside until when: a moment that a wrong clock has given is known by it."""

    dependencies = [("orchestration", "0013_dead_letters_of_killers")]

    operations = [migrations.AddField("sagastep", "due_after", models.FloatField(null=True))]
