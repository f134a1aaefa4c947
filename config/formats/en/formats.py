"""Moments on Django's own pages, by the one clock; a no-break space keeps each on one line."""

from __future__ import annotations

from orchestration.clock import CLOCK

DATETIME_FORMAT = CLOCK.replace(" ", "\N{NO-BREAK SPACE}")
SHORT_DATETIME_FORMAT = DATETIME_FORMAT
