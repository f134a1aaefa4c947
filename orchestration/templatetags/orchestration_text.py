"""For templates: `{{ saga.created_at|clock }}` by the one clock, and `{{ message|unbroken }}` with its ids in one piece."""

from __future__ import annotations

from datetime import datetime

from django import template
from django.utils.safestring import SafeString

from orchestration.shown import shown_moment
from orchestration.shown import unbroken as in_one_piece

register = template.Library()


@register.filter
def clock(moment: datetime | None) -> SafeString | str:
    """A moment with seconds and zone; a dash for none."""
    return shown_moment(moment) or "–"


@register.filter
def unbroken(text: object) -> SafeString:
    """Text in which no number, time or id is broken over two lines."""
    return in_one_piece(text)
