"""The test cards of the sandbox gateway: one table, for the gateway that obeys it and the shop page that shows it.

No Django: the gateway's own process imports it. A card is a token; there are no card numbers anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestration.providers.sandbox.faults import ALWAYS, Faults


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxCard(Faults):
    """How the gateway treats one card. Acting means holding (authorize) and taking (capture) money."""

    name: str
    """The token a customer's order carries."""
    sentence: str
    """What happens, for people."""
    declines_authorization: str | None = None
    """The decline code given instead of holding money."""
    declines_capture: str | None = None
    """The decline code given instead of taking money."""
    refuses_refund: bool = False
    """Money is never given back: an undo fails for good and a person has to decide."""


CARDS: dict[str, SandboxCard] = {
    card.name: card
    for card in (
        SandboxCard(name="card_ok", sentence="Pays without trouble."),
        SandboxCard(
            name="card_declined",
            sentence="The bank says no; no money is held.",
            declines_authorization="card_declined",
        ),
        SandboxCard(
            name="card_insufficient_funds",
            sentence="Not enough money on the account; no money is held.",
            declines_authorization="insufficient_funds",
        ),
        SandboxCard(
            name="card_charge_then_timeout",
            sentence="Holds or takes the money, but the first answer never arrives in time.",
            first_answer_hangs=True,
        ),
        SandboxCard(
            name="card_server_error",
            sentence="The gateway is down for the first two calls (503, nothing done), then works.",
            failures_before_acting=2,
        ),
        SandboxCard(
            name="card_error_after_charge",
            sentence="Holds or takes the money, but answers the first time with an error (500).",
            first_answer_fails=True,
        ),
        SandboxCard(
            name="card_always_error",
            sentence="The gateway is down for this card (503) and no money is ever held.",
            failures_before_acting=ALWAYS,
        ),
        SandboxCard(name="card_slow", sentence="Pays, after a second and a half.", is_slow=True),
        SandboxCard(
            name="card_capture_declined",
            sentence="The money is held, but taking it is declined later on.",
            declines_capture="card_declined",
        ),
        SandboxCard(
            name="card_refund_refused",
            sentence="Pays, but never takes a refund: cancelling after payment needs a person.",
            refuses_refund=True,
        ),
    )
}
