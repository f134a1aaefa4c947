"""What the author of an external step needs: a client that says what is known after each call, a sandbox and a conformance suite.

    providers                what answers mean (`AnswerTable`), and the client over them (`ProviderClient`)
    providers.http           its connection over HTTP; needs the extra `providers`
    providers.settings       its settings, and the one client of a process; needs Django
    providers.sandbox        a provider to test against, as a process of its own or inside a test
    providers.conformance    the tests that every client must pass; needs pytest

Nothing here knows a saga: a client is called by a step's function, and its errors are what that function raises.
"""

from orchestration.providers.answers import AnswerTable, Meaning, Reply, name_in
from orchestration.providers.client import Connection, ProviderClient
from orchestration.providers.listing import CannotList, ListsEffects, NoLedger, effects_listed_by

__all__ = [
    "AnswerTable",
    "CannotList",
    "Connection",
    "ListsEffects",
    "Meaning",
    "NoLedger",
    "ProviderClient",
    "Reply",
    "effects_listed_by",
    "name_in",
]
