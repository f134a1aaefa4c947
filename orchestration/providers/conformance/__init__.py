"""The tests that every client of a provider must pass: its author subclasses them and states how it is called.

    EffectConformance     keys, look-up and cancelling by key, refusals, lost answers: over every connection there is
    HttpConformance       every way in which a call over HTTP can fail, against a server that misbehaves on purpose
    SandboxConformance    a sandbox as a process: who may call, what it survives

The client of the sandbox in memory runs the same tests as the one over HTTP, so that it is never kinder than the truth.
"""

import pytest

pytest.register_assert_rewrite(*(f"{__name__}.{part}" for part in ("effects", "http", "sandbox")))

from orchestration.providers.conformance.effects import EffectConformance  # noqa: E402 - rewritten from here on
from orchestration.providers.conformance.http import HttpConformance  # noqa: E402
from orchestration.providers.conformance.misbehaving import answer, server_that  # noqa: E402
from orchestration.providers.conformance.process import RunningSandbox, running_sandbox  # noqa: E402
from orchestration.providers.conformance.sandbox import SandboxConformance  # noqa: E402

__all__ = [
    "EffectConformance",
    "HttpConformance",
    "RunningSandbox",
    "SandboxConformance",
    "answer",
    "running_sandbox",
    "server_that",
]
