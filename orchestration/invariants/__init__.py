"""What must be true of the engine's own rows, checked by `manage.py verify`.

One statement each, so they see one moment and take seconds for ten thousand sagas. Those that only hold at the end look
at ended sagas only; those about sagas of a definition this process does not know leave them out, and one check says so.
"""

from orchestration.invariants import definitions, history, messages, recovery, undoing

__all__ = ["definitions", "history", "messages", "recovery", "undoing"]
