"""What a real worker of the undo scenarios imports: the chain's participants, at a provider that several processes share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, cast

from tests.durability import chain
from tests.durability.ledger import Ledger

cast(Any, chain).provider = Ledger(Path(os.environ["CHAIN_LEDGER"]))
