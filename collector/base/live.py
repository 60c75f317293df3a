"""The lines of a run on a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column


def live_lines() -> Progress:
    """Lines that are drawn anew, with name, bar, count, time left and a note."""
    # On a narrow terminal the note gives way first.
    whole, cut = Column(no_wrap=True, min_width=9), Column(no_wrap=True, overflow="ellipsis", ratio=1)
    return Progress(
        TextColumn("{task.description}", table_column=Column(no_wrap=True, min_width=21)), BarColumn(8),
        TextColumn("{task.fields[count]}", table_column=whole),
        TimeRemainingColumn(compact=True, table_column=Column(no_wrap=True, min_width=5)),
        TextColumn("{task.fields[note]}", table_column=cut), console=Console(stderr=True), refresh_per_second=4, expand=True,
    )  # fmt: skip
