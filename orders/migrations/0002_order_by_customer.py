"""An index for the orders of one customer.

Locks: none that anybody waits for; it is built beside the traffic, and therefore outside a transaction.
"""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("orders", "0001_initial")]

    operations = [
        AddIndexConcurrently(
            model_name="order",
            index=models.Index(fields=["placed_by", "-placed_at", "-id"], name="order_by_customer"),
        ),
    ]
