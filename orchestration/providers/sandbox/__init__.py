"""A sandbox: a provider to test against, which keeps its own ledger, so that what it did can be compared with what we believe.

Its author subclasses `Ledger` (the tables of its effects) and `Sandbox` (what its calls do and answer). Everything else
is here: keys with one effect, look-up and cancelling by key, faults by script, HTTP, the process. No Django.
"""

from orchestration.providers.sandbox.answers import Answer, Refusal, invalid, not_found, read_text
from orchestration.providers.sandbox.faults import Faults
from orchestration.providers.sandbox.in_process import InProcessConnection
from orchestration.providers.sandbox.ledger import Ledger
from orchestration.providers.sandbox.process import ledger_file, required, serve
from orchestration.providers.sandbox.rules import Call, Sandbox
from orchestration.providers.sandbox.server import SandboxServer

__all__ = [
    "Answer",
    "Call",
    "Faults",
    "InProcessConnection",
    "Ledger",
    "Refusal",
    "Sandbox",
    "SandboxServer",
    "invalid",
    "ledger_file",
    "not_found",
    "read_text",
    "required",
    "serve",
]
