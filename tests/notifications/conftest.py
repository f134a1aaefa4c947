"""A mail folder for each test, and news to send."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from orchestration import Failure, StepContext


@pytest.fixture(autouse=True)
def mail_folder(settings: Any, tmp_path: Path) -> Path:
    settings.EMAIL_BACKEND = "notifications.backends.EmlFileBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path / "mail")
    settings.DEFAULT_FROM_EMAIL = "Orderly <orders@orderly.example>"
    return tmp_path / "mail"


@pytest.fixture
def context() -> Callable[..., StepContext]:
    """What the engine would tell a step; a new idempotency key each time, unless one is given."""

    def make(*, key: str | None = None, failure: Failure | None = None, attempt: int = 1) -> StepContext:
        return StepContext(
            saga_id=uuid4(),
            business_key="order",
            step="step",
            direction="forward",
            attempt=attempt,
            idempotency_key=key or f"{uuid4()}/notifications.order_shipped/forward/1",
            trace_id=uuid4().hex,
            product_line="",
            failure=failure,
        )

    return make


@pytest.fixture
def news() -> Callable[..., dict[str, Any]]:
    """The fields that every command of this app has."""

    def make(**changes: Any) -> dict[str, Any]:
        return {
            "order_id": uuid4(),
            "reference": "NW-10248",
            "email": "vinet@example.com",
            "customer_name": "Paul Henriot",
            "lines": [
                {"sku": "NW-11", "quantity": 12, "name": "Queso Cabrales"},
                {"sku": "NW-42", "quantity": 10},
            ],
            "amount_minor": 123450,
            "currency": "USD",
            **changes,
        }

    return make
