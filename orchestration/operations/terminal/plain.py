"""Tables, panels and text without colours: what pages at the terminal are made of where Rich is not installed.

The classes have the names of Rich's and take the arguments that the pages give to those; what only colours or frames something is ignored.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol, TextIO

GAP = "  "
"""Between two columns, and before the content of a panel."""


class _Page(Protocol):
    def lines(self) -> Iterator[str]: ...


RenderableType = _Page | str


def lines_of(page: RenderableType) -> Iterator[str]:
    """Return the lines of a page, which may be a text."""
    return iter(page.split("\n")) if isinstance(page, str) else page.lines()


class Text:
    """A text that can be added to."""

    def __init__(self, text: str = "", style: str = "") -> None:
        self.plain = text

    def append(self, text: str, style: str = "") -> Text:
        """Add a text, and return this one."""
        self.plain += text
        return self

    def append_text(self, text: Text) -> Text:
        """Add another one, and return this one."""
        return self.append(text.plain)

    def join(self, texts: Iterable[Text]) -> Text:
        """Return all of `texts` with this one in between."""
        return Text(self.plain.join(text.plain for text in texts))

    def lines(self) -> Iterator[str]:
        """Its lines."""
        return iter(self.plain.split("\n"))


class Table:
    """Columns as wide as their widest cell."""

    def __init__(self, *, title: str = "", caption: str = "", **_: Any) -> None:
        self._title, self._caption = title, caption
        self._headings: list[str] = []
        self._right: list[bool] = []
        self._rows: list[tuple[list[str], ...]] = []

    @classmethod
    def grid(cls, **_: Any) -> Table:
        """Return a table that has no headings."""
        return cls()

    def add_column(self, header: str = "", *, justify: str = "left", **_: Any) -> None:
        """Add a column."""
        self._headings.append(header)
        self._right.append(justify == "right")

    def add_row(self, *cells: RenderableType) -> None:
        """Add a row, with a cell for each column."""
        self._rows.append(tuple(list(lines_of(cell)) for cell in cells))

    def lines(self) -> Iterator[str]:
        """Title, headings over a rule, rows, and caption."""
        rows = [*self._head(), *(line for row in self._rows for line in _lines_of_row(row))]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        if self._title:
            yield self._title
        for row in rows:
            aligned = (
                cell.rjust(width) if right else cell.ljust(width)
                for cell, width, right in zip(row, widths, self._right, strict=True)
            )
            yield GAP.join(aligned).rstrip()
        if self._caption:
            yield self._caption

    def _head(self) -> list[tuple[str, ...]]:
        if not any(self._headings):
            return []
        return [tuple(self._headings), tuple("-" * len(heading) for heading in self._headings)]


def _lines_of_row(cells: tuple[list[str], ...]) -> Iterator[tuple[str, ...]]:
    for number in range(max(map(len, cells))):
        yield tuple(cell[number] if number < len(cell) else "" for cell in cells)


class Panel:
    """A title, and below it the content, set in."""

    def __init__(self, content: RenderableType, *, title: Text, **_: Any) -> None:
        self._content, self._title = content, title

    def lines(self) -> Iterator[str]:
        """The title, the content, and an empty line."""
        yield self._title.plain
        yield from (f"{GAP}{line}".rstrip() for line in lines_of(self._content))
        yield ""


class Padding:
    """Content with empty lines around it, and set in."""

    def __init__(self, content: RenderableType, pad: tuple[int, int, int, int]) -> None:
        self._content, (self._above, _, self._below, self._left) = content, pad

    def lines(self) -> Iterator[str]:
        """Its lines."""
        yield from [""] * self._above
        yield from (f"{' ' * self._left}{line}".rstrip() for line in lines_of(self._content))
        yield from [""] * self._below


class Console:
    """Writes pages to a file, and never in colour."""

    is_terminal = False

    def __init__(self, *, file: TextIO, **_: Any) -> None:
        self._file = file

    def print(self, *pages: RenderableType, **_: Any) -> None:
        """Write each page, the next one below it."""
        self._file.write("".join(f"{line}\n" for page in pages for line in lines_of(page)))


class box:
    """Frames, of which there are none."""

    SIMPLE_HEAD = ROUNDED = None
