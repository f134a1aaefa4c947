"""Somebody else's provider, on the public kit alone: no Django, no database, none of the shop's code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestration.errors import OutcomeUnknown, StepRejected, StepRetryable
from orchestration.providers import NoLedger, Reply
from orchestration.providers.conformance import (
    EffectConformance,
    HttpConformance,
    RunningSandbox,
    SandboxConformance,
    running_sandbox,
)
from orchestration.providers.http import HttpConnection
from orchestration.providers.sandbox import InProcessConnection
from tests.providers.lockers import LockerClient, LockerLedger, Lockers

MODULE = "tests.providers.lockers"


def over_http(url: str, secret: str) -> LockerClient:
    headers = {"Authorization": f"Bearer {secret}"}
    return LockerClient(HttpConnection("locker", address=lambda: url, headers=lambda: headers, seconds=1.0))


@pytest.fixture(scope="module")
def lockers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with running_sandbox(
        MODULE, "LOCKERS", tmp_path_factory.mktemp("lockers") / "ledger.sqlite3", {}
    ) as running:
        yield running


class TestEffects(EffectConformance):
    another = {"size": "lost"}
    refusals = {"no_such_size": {"size": "huge"}}
    losing_the_answer = ({"size": "lost"},)
    down_for_two_calls = ({"size": "down"},)

    @pytest.fixture(params=["memory", "http"])
    def client(self, request: pytest.FixtureRequest, lockers: RunningSandbox) -> Iterator[LockerClient]:
        inside = Lockers(LockerLedger(":memory:"))
        client = (
            LockerClient(InProcessConnection("locker", inside, seconds=lambda: 1.0))
            if request.param == "memory"
            else over_http(lockers.url, lockers.secret)
        )
        yield client
        client.close()

    def act(self, client: LockerClient, key: str, **changes: Any) -> str:
        return client.rent(key=key, **{"size": "small", **changes})


class TestHttp(HttpConformance):
    secret = "the-secret-of-the-lockers"
    answers = (
        ("503 Unavailable", b"", StepRetryable, "locker_away"),
        ("404 Not Found", b"", StepRejected, "locker_404"),
        ("404 Not Found", b'{"error": {"code": "gone", "message": "x"}}', StepRejected, "gone"),
    )

    @pytest.fixture
    def client_at(self) -> Callable[[str], LockerClient]:
        return lambda url: over_http(url, self.secret)

    def act(self, client: LockerClient) -> str:
        return client.rent(key="k", size="small")


class TestProcess(SandboxConformance):
    module = MODULE
    variables = "LOCKERS"
    acts_at = "/lockers"
    hanging = {"size": "lost"}
    bad_requests = ({}, {"size": 7}, [], "text")
    cannot_start = (({"LOCKERS_LEDGER": ""}, "set LOCKERS_LEDGER in the environment"),)

    def request(self, **changes: Any) -> dict[str, Any]:
        return {"size": "small", **changes}


@pytest.mark.parametrize(
    ("reply", "raised", "code", "message"),
    [
        (
            Reply(503, {"error": {"code": "x" * 100, "message": "y" * 999}}),
            StepRetryable,
            "x" * 64,
            "y" * 300,
        ),
        (Reply(404, "a text"), StepRejected, "locker_404", "The locker answers 404."),
        (Reply(404, {"error": ["a", "list"]}), StepRejected, "locker_404", "The locker answers 404."),
        (
            Reply(409, {"error": {"code": "idempotency_key_reused"}}),
            OutcomeUnknown,
            "idempotency_key_reused",
            "",
        ),
        (Reply(100, None), OutcomeUnknown, "locker_100", "The locker answers 100."),
    ],
)
def test_the_first_row_that_fits_says_what_is_known(
    reply: Reply, raised: type[Exception], code: str, message: str
) -> None:
    with pytest.raises(raised) as error:
        LockerClient.table.raise_for(reply)
    assert (type(error.value), error.value.code) == (raised, code)  # type: ignore[attr-defined]
    assert message in str(error.value)
    assert LockerClient.table.raise_for(Reply(204, None)) is None  # type: ignore[func-returns-value]


def test_a_ledger_is_listed_also_while_its_sandbox_is_down(lockers: RunningSandbox, tmp_path: Path) -> None:
    code = over_http(lockers.url, lockers.secret).rent(key="to be listed", size="small")
    lockers.freeze()
    try:
        listed = LockerLedger.listed_in(lockers.ledger, 0.0)
    finally:
        lockers.thaw()
    assert [row["idempotency_key"] for row in listed if row["code"] == code] == ["to be listed"]
    assert LockerLedger.listed_in(lockers.ledger, listed[-1]["at"] + 3600.0) == []
    with pytest.raises(NoLedger, match="no ledger at"):
        LockerLedger.listed_in(tmp_path / "none.sqlite3", 0.0)
