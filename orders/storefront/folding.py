"""Words as a search compares them: without case, accents and apostrophes, in singular and plural. In Python and in SQL alike."""

from __future__ import annotations

import unicodedata

from django.db.models import Expression, F, Func, TextField, Value
from django.db.models.functions import Concat, Lower, Replace

_PAIRS = {"ß": "ss", "ẞ": "ss", "æ": "ae", "Æ": "ae", "œ": "oe", "Œ": "oe", "þ": "th", "Þ": "th"}
"""Letters that are two without their accent."""
_SINGLE = str.maketrans("øØđĐłŁðÐıħĦ", "ooddllddihh")
_DROPPED = "'\N{RIGHT SINGLE QUOTATION MARK}\N{MODIFIER LETTER APOSTROPHE}`\N{ACUTE ACCENT}"
_UMLAUTS = {"ae": "a", "oe": "o", "ue": "u"}
"""Where a keyboard has no umlauts they are typed as two letters."""
_SHORTEST = 3


def folded(text: str) -> str:
    """Text in small letters, without accents and apostrophes: `Rhönbräu` is `rhonbrau`, `Anton's` is `antons`."""
    for pair, letters in _PAIRS.items():
        text = text.replace(pair, letters)
    plain = unicodedata.normalize("NFKD", text.translate(_SINGLE).casefold())
    return "".join(c for c in plain if not unicodedata.combining(c) and c not in _DROPPED)


def forms(word: str) -> set[str]:
    """A folded word, its singular and its plural, and what it may be where umlauts are typed as two letters."""
    found = {word, *_numbers(word)}
    for typed, meant in _UMLAUTS.items():
        found |= {form.replace(typed, meant) for form in tuple(found)}
    return {form for form in found if form == word or len(form) >= _SHORTEST}


def _numbers(word: str) -> set[str]:
    if len(word) <= _SHORTEST:
        return set()
    found = set()
    if word.endswith("s") and not word.endswith("ss"):
        found.add(word[:-1])
    if word.endswith(("ses", "xes", "zes", "ches", "shes", "oes")):
        found.add(word[:-2])
    for one, many in (("y", "ies"), ("f", "ves"), ("fe", "ves")):
        if word.endswith(many):
            found.add(word[: -len(many)] + one)
        if word.endswith(one):
            found.add(word[: -len(one)] + many)
    return found


def folded_columns(*names: str) -> Expression:
    """The columns with a space between them, folded by the database. What it costs grows with the rows, as ILIKE does."""
    parts = [part for name in names for part in (F(name), Value(" "))]
    text: Expression = Concat(*parts, output_field=TextField())
    for pair, letters in _PAIRS.items():
        text = Replace(text, Value(pair), Value(letters))
    return Func(Lower(text), Value(_FROM), Value(_TO), function="translate", output_field=TextField())


def _table() -> tuple[str, str]:
    """Letters and what PostgreSQL's `translate` makes of them; those beyond the end of the second are left out."""
    ranges = (range(0xC0, 0x250), range(0x1E00, 0x1F00))
    letters = [(chr(code), folded(chr(code))) for span in ranges for code in span]
    known = [(letter, plain) for letter, plain in letters if len(plain) == 1 and plain != letter]
    marks = "".join(map(chr, range(0x300, 0x370)))
    return "".join(letter for letter, _ in known) + marks + _DROPPED, "".join(plain for _, plain in known)


_FROM, _TO = _table()
