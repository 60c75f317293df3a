"""Where a text is read: how wide, in colour or not, by a person or by a program."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TextIO

_GAP = "  "
# What a column says of which there is nothing to say.
_NOTHING = frozenset({"", "-", "0", "0.0"})
_GREEN, _RED, _YELLOW = 32, 31, 33
_COLOURS = {
    "ok": _GREEN, "failed": _RED, "NOT OK": _RED, "download failed": _RED, "load failed": _RED, "verify failed": _RED, "stopped": _YELLOW,
    "see below": _YELLOW, "nothing stored": _YELLOW, "not started": _YELLOW,
}  # fmt: skip
_LEAST_TEXT, _ENOUGH_TEXT = 8, 20


class Screen(NamedTuple):
    """width: columns, None where nobody cuts lines (a file, a pipe, a log). is_whole: all that there is to tell is wanted,
    also what is zero."""

    width: int | None = None
    is_coloured: bool = False
    is_whole: bool = True

    def table(
        self, rows: Iterable[Sequence[str]], right: frozenset[int] = frozenset(), spare: Sequence[str] = ()
    ) -> str:
        """Rows of texts as aligned columns no wider than the screen; the first row are the heads, the first column is what a
        row is about, the last how it stands. right: numbers of the columns that are aligned right; spare: heads of those
        that are left out where there is no room, first the least important, and where all of the column is nothing."""
        head, *body = [tuple(map(str, row)) for row in rows]
        columns = [_Column(name, [row[i] for row in body], i in right) for i, name in enumerate(head)]
        if self.width is None:
            return "\n".join(_lines(columns))
        blocks = _blocks(columns, self.width) if self.is_whole else [_fitting(columns, spare, self.width)]
        return "\n\n".join("\n".join(self._block(block, self.width)) for block in blocks)

    def _block(self, columns: list[_Column], width: int) -> list[str]:
        # What a row is about is whole.
        texts = [column for column in columns[1:] if not column.is_right]
        while _width(columns) > width:
            longest = max(texts, key=lambda column: column.width(), default=None)
            if longest is None or longest.width() <= _LEAST_TEXT:
                break
            longest.limit = longest.width() - 1
        return _lines(columns, _width(columns, is_broken=False) > width, self.coloured)

    def coloured(self, word: str) -> str:
        """A word that says how something stands, in the colour of that."""
        colour = _COLOURS.get(word) if self.is_coloured else None
        return f"\x1b[{colour}m{word}\x1b[0m" if colour else word

    def prose(self, line: str) -> str:
        """A line of words, broken between them; what is too long for a line (an address) is left whole."""
        if self.width is None:
            return line
        return textwrap.fill(line, self.width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


# A file, a pipe, a log: all there is, uncut.
EVERYTHING = Screen()


def is_watched() -> bool:
    """Whether what is drawn anew has somebody to see it: stderr is a terminal that can."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def screen(stream: TextIO, verbose: bool = False) -> Screen:
    """What is at the other end of a stream. NO_COLOR is honoured (no-color.org); verbose: everything is wanted."""
    if not stream.isatty():
        # The deploy script stands between, and says how wide its terminal is.
        width = os.environ.get("COLLECTOR_SCREEN", "")
        return Screen(max(40, int(width)), is_coloured=False, is_whole=verbose) if width.isdecimal() else EVERYTHING
    is_coloured = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return Screen(max(40, shutil.get_terminal_size().columns), is_coloured, verbose)


class _Column:
    """A head and the cells below it. limit: what is longer is cut, with a sign that it is."""

    def __init__(self, name: str, cells: list[str], is_right: bool) -> None:
        self.name, self.is_right, self._cells, self.limit = name, is_right, cells, max(map(len, [name, *cells]))

    @property
    def cells(self) -> list[str]:
        return [cell if len(cell) <= self.limit else f"{cell[: self.limit - 1].rstrip()}…" for cell in self._cells]

    def width(self, is_broken: bool = True) -> int:
        """Of its widest cell; is_broken: the head may stand in as many lines as it has words."""
        return max(map(len, [*(self.name.split() if is_broken else [self.name]), *self.cells]))


def _width(columns: Sequence[_Column], is_broken: bool = True) -> int:
    return sum(column.width(is_broken) for column in columns) + len(_GAP) * (len(columns) - 1)


def _fitting(columns: list[_Column], spare: Sequence[str], width: int) -> list[_Column]:
    """The columns that say something, and of those that can be spared as many as there is room for."""
    left = [c for c in columns if c.name not in spare or not _NOTHING.issuperset(c.cells)]
    for column in left[1:]:
        # Of what is long, the beginning will do.
        column.limit = min(column.limit, 1 << 30 if column.is_right else _ENOUGH_TEXT)
    for name in spare:
        if _width(left) > width:
            left = [column for column in left if column.name != name]
    for column in left[1:]:
        column.limit = 1 << 30
    return left


def _blocks(columns: list[_Column], width: int) -> list[list[_Column]]:
    """Columns in as many tables as it takes, each with the first column."""
    first, *others = columns
    blocks = [[first]]
    for column in others:
        if len(blocks[-1]) > 1 and _width([*blocks[-1], column]) > width:
            blocks.append([first])
        blocks[-1].append(column)
    return blocks


def _lines(columns: Sequence[_Column], is_broken: bool = False, coloured: Callable[[str], str] = str) -> list[str]:
    heads = [column.name.split() if is_broken else [column.name] for column in columns]
    height = max(map(len, heads))
    tops = [[""] * (height - len(head)) + head for head in heads]
    widths = [column.width(is_broken) for column in columns]

    def line(cells: Sequence[str]) -> str:
        fields = zip(cells, widths, columns, strict=True)
        *others, last = [c.rjust(w) if column.is_right else c.ljust(w) for c, w, column in fields]
        return _GAP.join([*others, coloured(last.rstrip())]).rstrip()

    rows = zip(*(column.cells for column in columns), strict=True)
    return [line(cells) for cells in (*zip(*tops, strict=True), *rows)]
