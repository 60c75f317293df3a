"""How far the work is: a live line for each dataset on a terminal, a log line every so often elsewhere."""

from __future__ import annotations

import os
import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

from collector.base.process import log
from collector.base.text import duration

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

# Where nobody watches (cron, CI, a pipe), once in this many seconds is enough to see that it is alive.
LOG_EVERY = 30.0
# And for eyes, four times a second.
SHOW_EVERY = 0.25


class Progress:
    """The lines of one run. Live only where stderr is a terminal and the user did not ask for quiet."""

    def __init__(self, quiet: bool) -> None:
        self.live: RichProgress | None = None
        # The deploy script reads what is said here and shows such lines on its terminal, each in place of the one before.
        self.told = bool(os.environ.get("COLLECTOR_LIVE_LINES")) and not quiet
        if quiet or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
            return
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress
        from rich.table import Column

        # On a narrow terminal the note gives way first.
        whole, cut = Column(no_wrap=True, min_width=9), Column(no_wrap=True, overflow="ellipsis", ratio=1)
        self.live = RichProgress(
            TextColumn("{task.description}", table_column=Column(no_wrap=True, min_width=21)), BarColumn(8),
            TextColumn("{task.completed}/{task.total}", table_column=whole),
            TimeRemainingColumn(compact=True, table_column=Column(no_wrap=True, min_width=5)),
            TextColumn("{task.fields[note]}", table_column=cut), console=Console(stderr=True), refresh_per_second=4, expand=True,
        )  # fmt: skip

    def __enter__(self) -> Progress:
        if self.live:
            self.live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.live:
            self.live.stop()

    def line(self, name: str, total: int) -> Line:
        """A new line for `total` days of work on dataset `name`."""
        return Line(self, name, total)


class Line:
    """One dataset's line."""

    def __init__(self, progress: Progress, name: str, total: int) -> None:
        self._live, self._is_told, self._name, self._total = progress.live, progress.told, name, total
        self._began = self._told = time.monotonic()
        self._shown = 0.0
        self._task: TaskID | None = self._live.add_task(name, total=total, note="") if self._live else None

    def update(self, done: int, note: str) -> None:
        """`done` days are finished; `note` says the rest (rows, MB, requests a second, retries)."""
        if self._live and self._task is not None:
            self._live.update(self._task, completed=done, note=note)
            return
        now = time.monotonic()
        left = (now - self._began) / done * (self._total - done) if done else None
        rest = f"about {duration(left)} left, " if left is not None else ""
        text = f"{self._name}: {done} of {self._total} days, {rest}{note}"
        if self._is_told and (now - self._shown >= SHOW_EVERY or done == self._total):
            self._shown = now
            print(f"\x1e{text}", file=sys.stderr, flush=True)
        if now - self._told >= LOG_EVERY:
            self._told = now
            log.info("%s", text)
