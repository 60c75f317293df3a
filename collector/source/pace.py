"""How fast an API is asked, by all workers and all processes of this machine together."""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
import tempfile
import threading
import time
from pathlib import Path

from collector.base.process import Stop, log
from collector.settings import is_near

# From _START_RATE the rate rises by _RISE with each answer until the first refusal: a run of seconds is not held up,
# and the first burst stays a small share of what a limit of 5/s refuses. Each refusal then leaves a third of it, which
# rises by _SEARCH with each answer, until a rate has held for _HELD seconds. From there on a refusal costs _DOWN of it,
# which is back after about _UP_AGAIN seconds. Under a limit of 5 to 50/s 94 % and more of it is used, and about 2 % or
# less of the requests of 5 minutes are refused (benchmarks/README.md).
_START_RATE, _RISE = 70.0, 2.0
_KEPT, _SEARCH = 1 / 3, 0.05
_HELD, _DOWN, _UP_AGAIN = 2.0, 0.1, 30.0
# A turn that is further ahead than any pause that is believed was left by another start of the machine.
_FURTHEST = 900.0


class Turns:
    """When the next turn is, kept in a file that all processes of this machine share, and locked while it is looked at; in
    this process alone where there is no file. Times are monotonic seconds, which are the machine's."""

    def __init__(self, path: Path | None) -> None:
        self._next = 0.0
        self._file = _opened(path) if path else None

    def take(self, now: float, interval: float) -> float:
        """0.0 when the turn is ours, and the next is `interval` seconds after `now`; else the seconds until there may be one."""
        return self._change(now, now + interval)

    def pause(self, now: float, until: float) -> None:
        """No turn before `until`."""
        self._change(now, until, is_pause=True)

    def _change(self, now: float, then: float, is_pause: bool = False) -> float:
        if self._file is None:
            self._next, ahead = self._decided(self._next, now, then, is_pause)
            return ahead
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            text = os.pread(self._file, 32, 0)
            try:
                kept = float(text)
            except ValueError:
                kept = 0.0
            following, ahead = self._decided(kept if kept < now + _FURTHEST else 0.0, now, then, is_pause)
            if following != kept:
                os.pwrite(self._file, f"{following:<32.6f}".encode(), 0)
            return ahead
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    @staticmethod
    def _decided(kept: float, now: float, then: float, is_pause: bool) -> tuple[float, float]:
        """The next turn from now on, and how long one has to wait for one's own."""
        if is_pause:
            return max(kept, then), 0.0
        return (kept, kept - now) if now < kept else (then, 0.0)


def turns_of(base_url: str) -> Turns:
    """The turns at a host, shared by all processes of this user on this machine; not at one on the machine itself, which
    is a stand-in that takes what comes."""
    if is_near(base_url):
        return Turns(None)
    name = hashlib.sha256(base_url.encode()).hexdigest()[:16]
    return Turns(Path(tempfile.gettempdir()) / f"gb-electricity-{os.getuid()}" / f"turns-{name}")


def _opened(path: Path) -> int | None:
    """The file, in a folder that is this user's alone; None where there can be none, and each process keeps its own pace."""
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        folder = path.parent.lstat()
        if not stat.S_ISDIR(folder.st_mode) or folder.st_uid != os.getuid() or folder.st_mode & 0o077:
            raise PermissionError(f"{path.parent} is not this user's alone")
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        log.debug("no pace shared with other processes: %s", error)
        return None


class Pace:
    """When the next request may start: one for all workers that ask a host, and one after the other for all processes of
    this machine that share its turns.

    The rate rises with every answer and falls at every 429, in large steps until the limit is found and in small ones
    from there on (additive increase, multiplicative decrease), so that it stays close under a limit that nobody has
    written down.
    """

    def __init__(self, cap: float, delay: float, stop: Stop, turns: Turns | None = None) -> None:
        self._stop, self._lock, self._queue = stop, threading.Lock(), threading.Lock()
        self._delay = delay
        self._cap = min(cap, 1 / delay) if delay else cap
        self.rate = min(self._cap, _START_RATE)
        self._turns = turns or Turns(None)
        # The end of the last pause that was told.
        self.paused_until = 0.0
        self._lowered: float | None = None
        self._has_held = False

    def wait(self) -> float:
        """Wait for a turn; returns the time (monotonic seconds) of the start. Raises Stopped."""
        # Only the first of the queue looks at the clock: a pause told meanwhile holds for all, none has a turn yet.
        with self._queue:
            self._stop.check()
            while ahead := self.turn(started := time.monotonic()):
                self._stop.sleep(ahead)
        return started

    def turn(self, now: float) -> float:
        """0.0 when a request may start at `now` (that turn is then taken), else the seconds until one may."""
        with self._lock:
            return self._turns.take(now, max(1 / self.rate, self._delay))

    def answered(self) -> None:
        """A request was answered: a little faster."""
        with self._lock:
            rise = _RISE if self._lowered is None else _DOWN / _UP_AGAIN if self._has_held else _SEARCH
            self.rate = min(self._cap, self.rate + rise)

    def slow_down(self, started: float, pause: float | None, now: float) -> None:
        """A request that started at `started` was told to slow down; all workers pause for `pause` seconds."""
        with self._lock:
            pause = 1 / self.rate if pause is None else pause
            # Requests that were under way when the rate fell say nothing about the new rate.
            if self._lowered is None or started >= self._lowered:
                if self._lowered is not None and now - self._lowered > pause + _HELD:
                    self._has_held = True
                self.rate = max(min(0.2, self._cap), self.rate * (1 - _DOWN if self._has_held else _KEPT))
                self._lowered = now
            self.paused_until = max(self.paused_until, now + pause)
            self._turns.pause(now, self.paused_until)
