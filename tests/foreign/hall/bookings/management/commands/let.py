"""Lets one hall that opens and one that is haunted, waits for both, and prints how they ended as JSON."""

import json
import time

from django.core.management.base import BaseCommand
from django.db import transaction

from bookings.sagas import BookHall, let_hall
from orchestration.models import Saga
from orchestration.services import publish_event, start_saga


class Command(BaseCommand):
    def handle(self, **options):
        for hall in ("opera", "haunted"):
            with transaction.atomic():
                start_saga(let_hall, input=BookHall(hall=hall), business_key=hall)
        self._until(lambda sagas: sagas.filter(business_key="opera", state="waiting").exists())
        with transaction.atomic():
            publish_event(type="doors.opened", source="doors", key="opera", data={"door": "north"})
        self._until(lambda sagas: not sagas.filter(ended_at=None).exists())
        sagas = Saga.objects.using("default")
        self.stdout.write(json.dumps(dict(sagas.values_list("business_key", "state"))))

    def _until(self, reached):
        stop_at = time.monotonic() + 40
        while not reached(Saga.objects.using("default")) and time.monotonic() < stop_at:
            time.sleep(0.1)  # polls under a deadline
