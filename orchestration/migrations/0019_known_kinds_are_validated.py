from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    """What is stored already is read without keeping anybody from writing."""

    dependencies = [
        ('orchestration', '0018_kinds_are_known'),
    ]

    operations = [
        ValidateConstraint(model_name='sagaevent', name='history_kind_known'),
        ValidateConstraint(model_name='incident', name='incident_kind_known'),
    ]
