"""What an undo returns when it had nothing to do."""

from __future__ import annotations

from enum import Enum


class NotNeeded(Enum):
    """Type of the single value NOT_NEEDED, so that `is NOT_NEEDED` narrows."""

    NOT_NEEDED = "not_needed"


NOT_NEEDED = NotNeeded.NOT_NEEDED
"""Returned by an undo that found nothing to undo; recorded as such."""
