"""The broker of the model test: what lies in it, in which order and how often it is delivered, and what is lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from orchestration.engine.outbox.drain import drain
from orchestration.engine.outbox.sweep import sweep
from orchestration.testing.mail import EventMail, Habits, Mail, ProbeMail, SettleMail, StepMail
from orchestration.testing.transport import HandTransport
from tests.durability.processes import Death, Fate, Processes

MOST_MESSAGES = 500
"""More messages than any schedule of two sagas may need before time passes."""


class Violation(AssertionError):
    """Something that must be true is not. The message has one sentence a line."""


class Deliveries:
    """Messages held by the test; each delivery, relay and sweep is a process that may die or freeze."""

    def __init__(self, habits: Habits | None = None) -> None:
        self.transport = HandTransport(habits)
        self.processes = Processes(self.transport)
        self.seen: list[Mail] = []
        """Everything that was ever delivered: what a broker might deliver again."""
        self.delivered: Counter[tuple[str, str]] = Counter()
        """Deliveries by step and direction."""
        self.unacknowledged: dict[int, Mail] = {}
        """Messages whose worker died, by `id`: they come as redelivered."""
        self.happened: Counter[str] = Counter()
        """What the test did and met, so that a run that did nothing is noticed."""

    def deliver(self, index: int = 0, fate: Fate | None = None) -> bool:
        """Deliver one of the messages that lie there. False when there is none."""
        if not self.transport.mail:
            return False
        index %= len(self.transport.mail)
        mail = self.transport.mail[index]
        del self.transport.mail[index]
        self._hand_over(mail, fate)
        return True

    def deliver_again(self, index: int, fate: Fate | None = None) -> None:
        """Deliver a duplicate of something that was delivered before."""
        if self.seen:
            self.happened["duplicate"] += 1
            self._hand_over(self.seen[index % len(self.seen)], fate)

    def deliver_all(self) -> None:
        """Relay and deliver until nothing is on its way. No time passes.

        Raises:
            Violation: there is no end to it.
        """
        for _ in range(MOST_MESSAGES):
            self.relay()
            if not self.deliver():
                return
        raise Violation(f"messages multiply: {MOST_MESSAGES} were delivered and there are still more")

    def carry(
        self, step: str, direction: str = "forward", *, fate: Fate | None = None, first: bool = False
    ) -> None:
        """Deliver until a step's message is there, and then that one. `first`: it must be there already."""
        for _ in range(60):
            self.relay()
            found = [
                number
                for number, mail in enumerate(self.transport.mail)
                if isinstance(mail, StepMail)
                and (mail.call.step, mail.call.direction.value) == (step, direction)
            ]
            if found:
                self.deliver(found[0], fate)
                return
            assert not first, f"no message for {step} ({direction}) is on its way"
            assert self.deliver(), f"no message for {step} ({direction}) ever comes"
        raise AssertionError(f"no message for {step} ({direction}) came in 60 deliveries")

    def settle(self, step: str, *, fate: Fate | None = None) -> None:
        """Deliver the message that asks for a step's unknown outcome."""
        found = [n for n, mail in enumerate(self.transport.mail) if isinstance(mail, SettleMail)]
        assert found, f"nobody asks what became of {step}"
        self.deliver(found[0], fate)

    def again(self, step: str, direction: str = "forward") -> None:
        """Deliver the newest message of a step again, as it was."""
        self._hand_over(
            next(
                mail
                for mail in reversed(self.seen)
                if isinstance(mail, StepMail)
                and (mail.call.step, mail.call.direction.value) == (step, direction)
            ),
            None,
        )

    def event_again(self) -> None:
        """Deliver the newest event again."""
        self._hand_over(next(mail for mail in reversed(self.seen) if isinstance(mail, EventMail)), None)

    def drop(self, index: int) -> None:
        """Lose one message."""
        if self.transport.mail:
            del self.transport.mail[index % len(self.transport.mail)]
            self.happened["lost"] += 1

    def wipe(self) -> None:
        """Lose everything that lies in the broker."""
        self.transport.lose_everything()

    def _hand_over(self, mail: Mail, fate: Fate | None) -> None:
        redelivered = id(mail) in self.unacknowledged
        if isinstance(mail, StepMail):
            self.delivered[mail.call.step, mail.call.direction.value] += 1
        if len(self.seen) < 300 and not isinstance(mail, ProbeMail):
            self.seen.append(mail)
        try:
            self.processes.run(lambda: self.transport.deliver(mail, redelivered=redelivered), fate)
        except Death:
            # The broker has heard no acknowledgement: the message comes again.
            self.happened[f"died at {fate.point if fate else '?'}"] += 1
            self.unacknowledged[id(mail)] = mail
            self.transport.mail.append(mail)
        if fate is not None and fate.ends == "freeze" and fate.met:
            self.happened[f"frozen at {fate.point}"] += 1

    def relay(self, fate: Fate | None = None) -> None:
        """A relay sends what is unsent."""
        self._run(drain, fate)

    def sweep(self, fate: Fate | None = None) -> None:
        """A heartbeat beats."""
        self._run(sweep, fate)

    def _run(self, what: Callable[[], Any], fate: Fate | None) -> None:
        try:
            self.processes.run(what, fate)
        except Death:
            self.happened[f"died at {fate.point if fate else '?'}"] += 1
