"""What is shown on a page as plain text: moments by the one clock, and no number, time or id over two lines.

A browser breaks a line at each space and after most hyphens, so half an id or a number without its currency ends up below
the other half. What must stay whole is put into an element that is never broken (`orchestration-whole`).
"""

from __future__ import annotations

import re
from datetime import datetime

from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString

from orchestration.clock import clock, with_zone

_WHOLE = re.compile(
    r"""
    [0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(?:[.:/-][\w.-]*\w)?    # a UUID, and an id made of one
    | \d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d|[ ][A-Z]{3,5}\b)?)?  # a moment, a day
    | (?<!\w)[A-Z]{2,4}-[0-9A-Z][0-9A-Z-]*                                   # the number of an order or a product
    | (?<![\w-])(?=[\w-]*\d)(?=[\w-]*[_-])[\w-]{12,}                         # any other id with a digit in it
    | \b[0-9a-f]{20,}\b                                                      # a hash
    | (?<![\w.-])[+-]?\d[\d.,:]*(?:[ ](?:[A-Z]{3}|d|h|min|s|ms|MB|KB|kB)\b)*(?:[ ]\d+[ ](?:h|min|s)\b)?  # a number with its unit
    """,
    re.VERBOSE,
)
_LONG = 36
"""Characters; what is longer may be wider than a phone, and scrolls by itself."""


def unbroken(text: object) -> SafeString:
    """Text as HTML in which numbers, times and ids are never broken. What is HTML already stays as it is."""
    if hasattr(text, "__html__"):
        return SafeString(text)
    said, parts, end = str(text), [], 0
    for found in _WHOLE.finditer(said):
        parts += [conditional_escape(said[end : found.start()]), _whole(found[0])]
        end = found.end()
    return format_html_join("", "{}", ((part,) for part in [*parts, conditional_escape(said[end:])]))


def shown_moment(moment: datetime | None) -> SafeString | None:
    """A moment by the one clock, with the exact one for machines; None for none."""
    if moment is None:
        return None
    exact = with_zone(moment).isoformat()
    return format_html(
        '<time class="orchestration-whole" datetime="{}" title="{}">{}</time>', exact, exact, clock(moment)
    )


def _whole(token: str) -> SafeString | str:
    if token.isalnum() and len(token) < 12:
        return token  # nothing in it at which a line could be broken
    if len(token) > _LONG:
        return format_html('<span class="orchestration-whole is-long" tabindex="0">{}</span>', token)
    return format_html('<span class="orchestration-whole">{}</span>', token)
