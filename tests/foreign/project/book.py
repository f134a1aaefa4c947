"""Books one tour that works and one that does not, waits for both, and prints how they ended as JSON."""

import json
import time

import django
import site_celery  # noqa: F401 - a project's own Celery app is loaded at start, as Celery's guide to Django says

django.setup()

from django.db import transaction  # noqa: E402
from tours.sagas import BookTour, book_tour  # noqa: E402

from orchestration.models import Saga  # noqa: E402
from orchestration.services import start_saga  # noqa: E402

for guide in ("Ada", "nobody"):
    with transaction.atomic():
        start_saga(book_tour, input=BookTour(tour="Alps", guide=guide), business_key=guide)

stop_at = time.monotonic() + 40
while Saga.objects.filter(ended_at=None).exists() and time.monotonic() < stop_at:
    time.sleep(0.1)  # polls under a deadline
print(json.dumps(dict(Saga.objects.values_list("business_key", "state"))))  # noqa: T201
