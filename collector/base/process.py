"""What a program of ours is as a process: its log, and being asked to stop."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime, timezone
from itertools import islice
from types import FrameType
from typing import TextIO, TypeVar

from collector.base.errors import Stopped
from collector.base.screen import is_watched
from collector.base.text import entry, printable

log = logging.getLogger("collector")
T = TypeVar("T")
U = TypeVar("U")


class _OneLine(logging.Formatter):
    """Log lines are printable."""

    def format(self, record: logging.LogRecord) -> str:
        if record.exc_info:
            return "\n".join(map(printable, super().format(record).splitlines()))
        return printable(super().format(record))


class _Entry(_OneLine):
    """Log lines as JSON; Python's names of the levels are Cloud Logging's severities too."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, timezone.utc)
        return entry(record.levelname, super().format(record), f"{at:%Y-%m-%dT%H:%M:%S.%f}Z")


class _Stderr(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes to what sys.stderr is at the moment: live progress lines step aside for it."""

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, _value: object) -> None:
        """Set by the base class; there is nothing to keep."""


def start_logging(quiet: bool = False, verbose: bool = False, is_json: bool = False) -> None:
    """Log to stderr: time in UTC, level, message; is_json: an object a line, see `entry`. Where live lines tell what goes on,
    only what is wrong."""
    quiet = quiet or (is_watched() and not verbose)
    handler = _Stderr()
    text = _OneLine("%(asctime)sZ %(levelname)-7s %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter = _Entry() if is_json else text
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    log.handlers[:] = [handler]
    log.propagate = False
    log.setLevel(logging.WARNING if quiet else logging.DEBUG if verbose else logging.INFO)


def side_by_side(
    work: Iterable[Callable[[], None]], *, workers: int, ahead: int, name: str, tick: Callable[[], None]
) -> None:
    """Do pieces of work in a thread pool. ahead: so many are taken before they are begun or while they go on, the next when
    one has ended; tick: called whenever some have, and once a second. Raises what a piece or `tick` raises; then no further
    one is begun."""
    left, running = iter(work), set[Future[None]]()
    with ThreadPoolExecutor(workers, name) as pool:
        try:
            while True:
                running.update(pool.submit(piece) for piece in islice(left, ahead - len(running)))
                if not running:
                    return
                done, running = wait(running, timeout=1.0, return_when=FIRST_COMPLETED)
                for future in done:
                    future.result()
                tick()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def together(one: Callable[[], T], other: Callable[[], U]) -> tuple[T, U]:
    """What two questions that wait for different services bring. Raises what `one` raises, without waiting for the other,
    else what the other does."""
    pool = ThreadPoolExecutor(1)
    beside = pool.submit(other)
    try:
        return one(), beside.result()
    finally:
        pool.shutdown(wait=False)


class Stop:
    """SIGINT or SIGTERM as a flag that every wait and loop looks at. `signal_number` is 0 until one came."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._came = 0.0
        self.signal_number = 0

    def install(self) -> None:
        """Take over SIGINT and SIGTERM; a second one ends at once."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        # One Ctrl-C may arrive twice, from the terminal and from the program that started this one.
        if self._event.is_set() and now - self._came > 1.0:
            os._exit(128 + number)
        if not self._event.is_set():
            self.signal_number, self._came = number, now
            self._event.set()

    @property
    def is_set(self) -> bool:
        return self._event.is_set()

    def check(self) -> None:
        """Raises Stopped once a signal has come."""
        if self._event.is_set():
            raise Stopped(self.signal_number)

    def attend(self, work: Callable[[], T], grace: float = 3.0) -> T:
        """Do `work` in a thread of its own and wait for it, after a signal at most `grace` seconds longer.

        A request or a retry deep in a library may take minutes to give up; nobody should have to wait for that.
        Raises what `work` raises, Stopped when it did not end in time.
        """
        future: Future[T] = Future()

        def call() -> None:
            try:
                future.set_result(work())
            except BaseException as error:
                future.set_exception(error)

        threading.Thread(target=call, daemon=True).start()
        while not wait([future], 0.2).done:
            if self.is_set and not wait([future], grace).done:
                self.check()
        return future.result()

    def sleep(self, duration: float) -> None:
        """Wait `duration` seconds. Raises Stopped as soon as a signal comes."""
        if duration > 0:
            self._event.wait(duration)
        self.check()
