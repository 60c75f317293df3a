"""How far the work is: a live line for each dataset and one for all on a terminal, a log line every so often elsewhere."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING

from collector.base.process import log
from collector.base.screen import is_watched
from collector.base.text import duration

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

# Where nobody watches (cron, CI, a pipe), once in this many seconds is enough to see that it is alive.
LOG_EVERY = 30.0
# And for eyes, four times a second.
SHOW_EVERY = 0.25
# What the deploy script says of its whole run: when it began (seconds since 1970), and from which to which thousandth of
# it the step goes that is under way.
WHOLE = "COLLECTOR_WHOLE"


class Progress:
    """The lines of one run. shares: how much work each dataset of it is beside the others, in any unit."""

    def __init__(self, quiet: bool, shares: Sequence[float] = (1.0,)) -> None:
        # The deploy script reads what is said here and shows such lines on its terminal, each in place of the one before.
        self.told = bool(os.environ.get("COLLECTOR_LIVE_LINES")) and not quiet
        began, *part = map(float, os.environ.get(WHOLE, "0").split())
        self._low, self._high = part or (0.0, 1000.0)
        self._began, self._is_part = began or time.time(), bool(began)
        self._shares, self._at = [share / (sum(shares) or 1.0) for share in shares], -1
        self._all: TaskID | None = None
        self.live: RichProgress | None = None
        if not quiet and is_watched():
            # It takes 40 ms, which who is not watched does not wait for.
            from collector.base.live import live_lines

            self.live = live_lines()

    def __enter__(self) -> Progress:
        if self.live:
            self.live.start()
            if len(self._shares) > 1:
                self._all = self.live.add_task("in all", total=1.0, count=f"0/{len(self._shares)}", note="")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.live:
            self.live.stop()

    def begin(self) -> None:
        """The next dataset is begun, those before it are at their end."""
        self._at += 1
        self.advance(0.0)

    def advance(self, fraction: float) -> str:
        """So much of the dataset under way is done: how far all is, in words; "" where it is all there is."""
        done = sum(self._shares[: max(self._at, 0)])
        if 0 <= self._at < len(self._shares):
            done += self._shares[self._at] * fraction
        if self.live and self._all is not None:
            self.live.update(self._all, completed=done, count=f"{self._at + 1}/{len(self._shares)}")
        if len(self._shares) == 1 and not self._is_part:
            return ""
        done = (self._low + (self._high - self._low) * done) / 1000
        left = f", about {duration((time.time() - self._began) / done * (1 - done))} left" if done else ""
        return f"; in all {done:.0%}{left}"

    def line(self, name: str, total: int, unit: str = "days") -> Line:
        """A new line for `total` units of work on dataset `name`."""
        return Line(self, name, total, unit)


class Line:
    """One dataset's line."""

    def __init__(self, progress: Progress, name: str, total: int, unit: str) -> None:
        self._progress, self._live, self._name, self._total, self._unit = progress, progress.live, name, total, unit
        self._began = self._told = time.monotonic()
        self._shown = 0.0
        self._task: TaskID | None = None
        if self._live:
            self._task = self._live.add_task(name, total=total, count=f"0/{total}", note="")

    def update(self, done: int, note: str) -> None:
        """`done` units are finished; `note` says the rest (rows, MB, requests a second, retries)."""
        whole = self._progress.advance(done / self._total if self._total else 1.0)
        if self._live and self._task is not None:
            self._live.update(self._task, completed=done, count=f"{done}/{self._total}", note=note)
            return
        now = time.monotonic()
        left = (now - self._began) / done * (self._total - done) if done else None
        rest = f"about {duration(left)} left, " if left is not None else ""
        text = f"{self._name}: {done} of {self._total} {self._unit}, {rest}{note}{whole}"
        if self._progress.told and (now - self._shown >= SHOW_EVERY or done == self._total):
            self._shown = now
            print(f"\x1e{text}", file=sys.stderr, flush=True)
        if now - self._told >= LOG_EVERY:
            self._told = now
            log.info("%s", text)
