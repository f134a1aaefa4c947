"""The services of the sandbox carrier: one table, for the carrier that obeys it and whoever wants to try them."""

from __future__ import annotations

from dataclasses import dataclass

from orchestration.providers.sandbox.faults import Faults


@dataclass(frozen=True, slots=True, kw_only=True)
class Service(Faults):
    """How the carrier treats the parcels of one service."""

    name: str
    sentence: str
    """What happens, for people."""
    is_undeliverable: bool = False
    """No label is made."""


DEFAULT_SERVICE = "Speedy Express"

SERVICES: dict[str, Service] = {
    service.name: service
    for service in (
        Service(name="Speedy Express", sentence="Delivers."),
        Service(name="United Package", sentence="Delivers."),
        Service(name="Federal Shipping", sentence="Delivers."),
        Service(
            name="Nowhere Express", sentence="Delivers nowhere: the label is refused.", is_undeliverable=True
        ),
        Service(
            name="Stumbling Express",
            sentence="Is down for the first two calls (503, nothing done), then delivers.",
            failures_before_acting=2,
        ),
        Service(
            name="Silent Express",
            sentence="Delivers, but the first answer never arrives in time.",
            first_answer_hangs=True,
        ),
    )
}
"""A service that is not in the table delivers."""

UNDELIVERABLE_NAME = "nowhere"
"""A parcel to somebody of this name is refused, whatever the service."""
