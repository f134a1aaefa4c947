"""What every client must do with idempotency keys, whatever it talks to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar
from uuid import uuid4

import pytest

from orchestration.errors import OutcomeUnknown, StepRejected, StepRetryable

Changes = Mapping[str, Any]


class EffectConformance:
    """Subclass it as `Test…`, with a fixture `client` (one for each connection there is), `act`, and what applies of the rest.

    What is left empty is not tested: a provider whose test account can refuse nothing states no refusal.
    """

    another: ClassVar[Changes]
    """What makes `act` another request."""
    refusals: ClassVar[Mapping[str, Changes]] = {}
    """Error codes, each with what has the provider refuse with it."""
    losing_the_answer: ClassVar[Sequence[Changes]] = ()
    """What has the provider act without an answer in time."""
    down_for_two_calls: ClassVar[Sequence[Changes]] = ()
    """What has the provider fail twice, without an effect, and then act."""

    @pytest.fixture
    def client(self) -> Any:
        """The client under test; overridden by the author."""
        raise NotImplementedError

    def act(self, client: Any, key: str, **changes: Any) -> Any:
        """Make the call that has the effect, and return that; the same request for the same key and changes."""
        raise NotImplementedError

    def find(self, client: Any, key: str) -> Any:
        """Ask for what was done under a key; None for nothing."""
        return client.find(key)

    def refuse(self, client: Any, key: str) -> Any:
        """Cancel a key, and return what had been done under it; None for nothing."""
        return client.refuse(key)

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run a test for each of what the author states."""
        stated = {
            "refusal": list(self.refusals.items()),
            "losing": self.losing_the_answer,
            "down": self.down_for_two_calls,
        }
        for name, cases in stated.items():
            if name in metafunc.fixturenames:
                metafunc.parametrize(name, cases)

    def test_the_same_request_under_the_same_key_has_one_effect(self, client: Any) -> None:
        key = new_key()
        first = self.act(client, key)
        assert first is not None
        assert self.act(client, key) == first
        assert self.find(client, key) == first

    def test_two_keys_have_two_effects(self, client: Any) -> None:
        assert self.act(client, new_key()) != self.act(client, new_key())

    def test_sixteen_calls_at_once_under_one_key_have_one_effect(self, client: Any) -> None:
        key = new_key()
        with ThreadPoolExecutor(16) as threads:
            made = [
                result
                for result in threads.map(lambda _: self._act_at_once(client, key), range(16))
                if result
            ]
        assert made
        assert all(effect == made[0] for effect in made)
        assert self.find(client, key) == made[0]

    def test_another_request_under_the_same_key_is_never_taken_for_the_first(self, client: Any) -> None:
        key = new_key()
        first = self.act(client, key)
        with pytest.raises(OutcomeUnknown):
            self.act(client, key, **self.another)
        assert self.find(client, key) == first

    def test_nothing_is_found_under_a_key_that_was_never_used(self, client: Any) -> None:
        assert self.find(client, new_key()) is None

    def test_a_refusal_is_a_definite_no_and_stays_one(
        self, client: Any, refusal: tuple[str, Changes]
    ) -> None:
        key, (code, changes) = new_key(), refusal
        for _ in range(2):
            with pytest.raises(StepRejected) as error:
                self.act(client, key, **changes)
            assert error.value.code == code
        assert self.find(client, key) is None

    def test_an_effect_without_an_answer_is_found_by_key_and_not_repeated(
        self, client: Any, losing: Changes
    ) -> None:
        key = new_key()
        with pytest.raises(OutcomeUnknown):
            self.act(client, key, **losing)
        found = self.find(client, key)
        assert found is not None
        assert self.act(client, key, **losing) == found

    def test_a_provider_that_is_down_for_two_calls_does_nothing_in_them(
        self, client: Any, down: Changes
    ) -> None:
        key = new_key()
        for _ in range(2):
            with pytest.raises((OutcomeUnknown, StepRetryable)):
                self.act(client, key, **down)
            assert self.find(client, key) is None
        made = self.act(client, key, **down)
        assert made is not None
        assert self.find(client, key) == made

    def test_a_cancelled_key_has_no_effect_from_then_on(self, client: Any) -> None:
        key = new_key()
        assert self.refuse(client, key) is None
        with pytest.raises(StepRejected):
            self.act(client, key)
        assert self.find(client, key) is None

    def test_cancelling_a_key_too_late_says_what_was_done(self, client: Any) -> None:
        key = new_key()
        made = self.act(client, key)
        assert self.refuse(client, key) == made
        assert self.refuse(client, key) == made

    def _act_at_once(self, client: Any, key: str) -> Any:
        try:
            return self.act(client, key)
        except (StepRetryable, OutcomeUnknown):  # "busy with this very key" is an honest answer
            return None


def new_key() -> str:
    """Return a key of the form the engine gives, with what must be quoted in an address."""
    return f"{uuid4()}/some.step?#%41 /forward/1"
