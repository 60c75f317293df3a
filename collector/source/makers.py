"""Processes that make days of answers, so that sets of tens of MB a day have all cores.

Splitting and reading JSON hold Python's global lock, so that threads share one core. A body is put, as it comes, into memory
that its process shares; what goes through a socket is the question and, compressed, the days. That memory has no name, and a
process ends when its socket does: however this one ends, nothing is left.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import pickle
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator, Mapping
from datetime import datetime
from io import FileIO
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import NamedTuple

from collector.base.errors import internal
from collector.base.process import Stop
from collector.base.text import hide, secrets
from collector.source.errors import Lost
from collector.source.json_split import Body
from collector.source.making import Made, Wanted, make
from collector.source.requests import DataRequest

# A body of fewer bytes is made here: to start a process takes as long as to make 30 MB.
HEAVY_BODY = 8_000_000
# How often one who waits looks whether he is to stop, seconds.
_LOOK = 0.1
# Isolated from folder and environment; the packages are those that are used here.
_ROOT = str(Path(__file__).resolve().parents[2])
_START = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from collector.source.makers import main; main()"


class _Job(NamedTuple):
    """What a process is to do. size: bytes of the body; hidden: the secrets, which its error messages must not tell."""

    request: DataRequest
    size: int
    wanted: Wanted
    fetched: datetime
    hidden: tuple[str, ...]


class _Failed(NamedTuple):
    """What went wrong instead; trace: its traceback, as text."""

    error: Exception
    trace: str


_Done = Made | _Failed


class _Elsewhere(Exception):
    """The traceback, as text, of an error in another process."""


class Maker:
    """One process, begun with the first large body, and the body that it works on, into which an answer is put."""

    def __init__(self, stop: Stop) -> None:
        self._stop, self._lock, self._is_closed = stop, threading.Lock(), False
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: Connection
        self._memory = _shared_memory()
        self.size = 0

    # -- a body, as collector/source/http.py fills it
    def begin(self) -> Maker:
        """An empty body."""
        self._memory.seek(0)
        self.size = 0
        return self

    @property
    def body(self) -> Maker:
        """The body, to be given to `make`."""
        return self

    def add(self, data: bytes) -> None:
        """More of the body. Raises MemoryError."""
        before, self.size = self.size, self.size + len(data)
        try:
            while data:
                data = data[self._memory.write(data) :]
        except OSError:
            raise MemoryError from None
        if before < HEAVY_BODY <= self.size and not self._process:
            self._start()

    def described(self, headers: Mapping[str, str]) -> None:
        """What the headers say of it does not matter."""

    # -- its days
    def make(self, request: DataRequest, wanted: Wanted, fetched: datetime) -> Made:
        """As `making.make` of the body, with its errors. Raises Lost when the process has ended before it was done, Stopped."""
        self._stop.check()
        self._memory.truncate(self.size)
        if self._process is None:
            return make(request, _mapped(self._memory.fileno(), self.size), wanted, fetched)
        try:
            self._socket.send(_Job(request, self.size, wanted, fetched, secrets()))
            while not self._socket.poll(_LOOK):
                self._stop.check()
            done: _Done = self._socket.recv()
        except (OSError, EOFError):
            lost = self._lost()
            self._stop.check()
            raise Lost(lost) from None
        if isinstance(done, Made):
            return done
        raise done.error from _Elsewhere(done.trace)

    def _lost(self) -> str:
        """That the process has ended, and how; the next body gets another."""
        with self._lock:
            if self._process:
                # It is at its end, of which it is to tell itself.
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(1.0)
            code = self._end()
        how = f"was killed by signal {-code}" if code < 0 else f"ended with {code}"
        more = ", as when memory is short" if code == -signal.SIGKILL else ""
        return f"the process that worked on the answer {how}{more}; run again, with fewer --max-workers if it stays so"

    def _start(self) -> None:
        # -B where nothing is to be written beside the programs, for it is not inherited by who is isolated.
        command = [
            sys.executable,
            "-I",
            *(["-B"] if sys.dont_write_bytecode else []),
            "-c",
            _START,
            json.dumps([_ROOT, *filter(None, sys.path)]),
        ]
        # Where no process can be had, the work is done here.
        with self._lock, contextlib.suppress(OSError):
            if self._is_closed:
                return
            self._socket, other = Pipe()
            with other:
                shared = (self._memory.fileno(), other.fileno())
                # In a session of its own: what stops a whole group stops the program, which ends this process; it could not
                # heed a signal that comes while it starts.
                self._process = subprocess.Popen(
                    [*command, *map(str, shared)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, pass_fds=shared,
                    start_new_session=True,
                )  # fmt: skip

    def _end(self) -> int:
        """Kill the process, if it still runs; its exit code."""
        process, self._process = self._process, None
        if not process:
            return 0
        process.kill()
        self._socket.close()
        return process.wait()

    def close(self) -> None:
        """End the process, whatever it is at, and let the memory go; from any thread."""
        with self._lock:
            self._is_closed = True
            self._end()
        if not self._stop.is_set:
            # Otherwise somebody may still be at it.
            self._memory.close()


class Makers:
    """So many makers, lent to one thread each."""

    def __init__(self, count: int, stop: Stop) -> None:
        self._all = [Maker(stop) for _ in range(count)]
        self._free = queue.SimpleQueue[Maker]()
        for maker in self._all:
            self._free.put(maker)

    @contextlib.contextmanager
    def one(self) -> Iterator[Maker]:
        """One that nobody else has meanwhile."""
        maker = self._free.get()
        try:
            yield maker
        finally:
            self._free.put(maker)

    def close(self) -> None:
        """End all processes."""
        for maker in self._all:
            maker.close()


def _shared_memory() -> FileIO:
    """A file without a name, in memory where the system has such."""
    if sys.platform == "linux":
        return FileIO(os.memfd_create("answer"), "r+")
    with tempfile.TemporaryFile() as file:
        return FileIO(os.dup(file.fileno()), "r+")


def _mapped(file: int, size: int) -> Body:
    """The first bytes of it. Raises MemoryError."""
    try:
        return mmap.mmap(file, size) if size else b""
    except OSError:
        raise MemoryError from None


# ------------------------------------------------------------------------------------------- in the process itself
def main() -> None:
    """Make days of one body after another, until nobody asks any more."""
    # Ctrl-C reaches all processes of a terminal, and who ends a service asks all of them; who started this one decides.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    file, asking, jobs = int(sys.argv[2]), Connection(int(sys.argv[3])), queue.SimpleQueue[_Job]()
    threading.Thread(target=_receive, args=(asking, jobs), daemon=True).start()
    with contextlib.suppress(OSError):
        while True:
            asking.send(_done(file, jobs.get()))


def _receive(asking: Connection, jobs: queue.SimpleQueue[_Job]) -> None:
    """Take jobs in; when no more can come, the process ends at once, even in the middle of one."""
    with contextlib.suppress(EOFError, OSError):
        while True:
            jobs.put(asking.recv())
    os._exit(0)


def _done(file: int, job: _Job) -> _Done:
    """The days of a job, or its error."""
    for secret in job.hidden:
        hide(secret)
    try:
        return make(job.request, _mapped(file, job.size), job.wanted, job.fetched)
    except Exception as error:
        found, trace = error, traceback.format_exc()
    found.__traceback__ = found.__context__ = None
    try:
        pickle.dumps(found)
    except Exception:
        found = RuntimeError(internal(found))
    return _Failed(found, trace)
