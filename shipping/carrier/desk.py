"""The carrier's counter: what a call does to the ledger and what is answered. No HTTP here."""

from __future__ import annotations

import secrets
import time
from typing import Any

from orchestration.providers.sandbox import (
    Answer,
    Call,
    Faults,
    Refusal,
    Sandbox,
    invalid,
    not_found,
    read_text,
)
from shipping.carrier.dispatcher import Dispatcher
from shipping.carrier.ledger import Ledger
from shipping.carrier.services import DEFAULT_SERVICE, SERVICES, UNDELIVERABLE_NAME, Service


class Desk(Sandbox[Ledger]):
    """The carrier behind its HTTP face. A parcel leaves `seconds` after its label was made; the dispatcher tells the shop."""

    def __init__(self, ledger: Ledger, *, seconds: float, dispatcher: Dispatcher | None = None) -> None:
        super().__init__(ledger)
        self._seconds = seconds
        self._dispatcher = dispatcher

    def start(self) -> None:
        """Begin to tell the shop of parcels."""
        if self._dispatcher is not None:
            self._dispatcher.start()

    def close(self) -> None:
        """End telling, and close the ledger."""
        if self._dispatcher is not None and self._dispatcher.is_alive():
            self._dispatcher.stop()
            # An attempt that is under way may use up its whole time; what it does not finish is due again after the restart.
            self._dispatcher.join(timeout=2.0)
            if self._dispatcher.is_alive():
                return
        super().close()

    def respond(self, call: Call) -> Answer:
        """Make a label."""
        if call.method != "POST" or call.path != "/labels":
            raise not_found("such address")
        key, request = call.required_key, call.request

        def act(calls_before: int) -> None:
            self._make(key, request, calls_before)

        answer = self.once("create_label", call, act)
        if self._dispatcher is not None:
            self._dispatcher.wake()
        return answer

    def effect(self, key: str) -> dict[str, Any] | None:
        """The label made under a key."""
        label = self.ledger.label(key)
        return label and {name: label[name] for name in ("id", "order_id", "tracking", "service")}

    def summary(self) -> dict[str, Any]:
        """Counts of the ledger."""
        return self.ledger.summary()

    def faults(self, operation: str, effect: dict[str, Any]) -> Faults:
        """What the service does."""
        return SERVICES.get(effect["service"]) or super().faults(operation, effect)

    def _make(self, key: str, request: dict[str, Any], calls_before: int) -> None:
        order_id, service = read_text(request, "order_id"), _service(request)
        service.before_acting(calls_before)
        self.ledger.add_label(
            id=f"lbl_{secrets.token_hex(12)}",
            idempotency_key=key,
            order_id=order_id,
            tracking=f"TRK{secrets.token_hex(6).upper()}",
            service=service.name,
            event_id=f"evt_{secrets.token_hex(12)}",
            leaves_at=time.time() + self._seconds,
        )


def _service(request: dict[str, Any]) -> Service:
    """The service asked for.

    Raises:
        Refusal: it does not deliver there.
    """
    name = request.get("service") or DEFAULT_SERVICE
    if not isinstance(name, str) or len(name) > 100:
        raise invalid("service must be a text of at most 100 characters")
    ship_to = request.get("ship_to")
    if not isinstance(ship_to, dict):
        raise invalid("ship_to must be an object")
    service = SERVICES.get(name) or Service(name=name, sentence="Delivers.")
    if service.is_undeliverable or read_text(ship_to, "name").strip().casefold() == UNDELIVERABLE_NAME:
        raise Refusal(422, "undeliverable", f"{name} does not deliver to this address.")
    return service
