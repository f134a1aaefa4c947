"""Errors of the database told without the values of rows. Pure.

PostgreSQL explains an error by what stood in the row or in the statement: "Key (email)=(ana@example.com) already exists", "Failing row
contains (…)". Whoever reads a log needs the rule that was broken; the address, or the card's token, is somebody's.
"""

from __future__ import annotations

import re

WITHHELD = "(withheld)"

# A line break is written out where a log has the `repr` of an error, and led by bars within a group of errors.
_BREAK = r"(?:\n[ |+-]*|\\n)"
_PARTS = ("DETAIL:", "CONTEXT:", "QUERY:", "STATEMENT:", "LINE ")
_EXPLAINED = re.compile(
    rf"(?P<part>{_BREAK}(?:DETAIL|CONTEXT|QUERY|STATEMENT|LINE \d+):).*?"
    rf"(?=\Z|{_BREAK}(?:DETAIL|HINT|CONTEXT|QUERY|STATEMENT):|\n\s*\n|\n[ |+-]*(?:Traceback |The above |During handling))",
    re.DOTALL,
)
"""One of the parts behind the first line. A value may have several lines: what follows it is an empty line, or another part."""
_QUOTES = ("invalid input ", "out of range", "literal: ", "invalid value ")
_QUOTED = re.compile(
    r"(?P<what>invalid input (?:syntax|value) for [^\":\n]{1,60}: |date/time field value out of range: |malformed \w+ literal: |invalid value )"
    r'"[^\n]*"'
)
_OUT_OF_RANGE = re.compile(r'value "[^"\n]*" is out of range')
"""A value that the first line quotes."""


def without_row_values(text: str) -> str:
    """Return a message, a traceback, or a line of a log with what PostgreSQL has told of rows and statements withheld."""
    if any(part in text for part in _PARTS):
        text = _EXPLAINED.sub(rf"\g<part> {WITHHELD}", text)
    if any(quote in text for quote in _QUOTES):
        text = _QUOTED.sub(rf"\g<what>{WITHHELD}", text)
        text = _OUT_OF_RANGE.sub(f"value {WITHHELD} is out of range", text)
    return text
