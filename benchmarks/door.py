"""What the door before the storage emulator costs: the same requests through it, and to an emulator without one."""

from __future__ import annotations

import contextlib
import ctypes
import http.client
import json
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.downloads import FIRST
from benchmarks.lab import DOWNLOADER, LOADER, PROJECT, Lab, Row, median, side_by_side

_HERE = "127.0.0.1"
_BUCKET = "through-the-door"
_TICK = os.sysconf("SC_CLK_TCK")


def _ask(
    connection: http.client.HTTPConnection, token: str, method: str, path: str, body: bytes | None = None
) -> float:
    """Milliseconds until the answer is read."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/octet-stream"}
    began = time.perf_counter()
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    text = answer.read()
    if answer.status >= 300:
        raise RuntimeError(f"{method} {path}: {answer.status} {text[:200]!r}")
    return 1e3 * (time.perf_counter() - began)


def _cpu(pid: int) -> float:
    """Milliseconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return 1e3 * (int(fields[11]) + int(fields[12])) / _TICK


def _behind(pid: int, bare: int) -> http.client.HTTPConnection:
    """A connection to the very emulator behind the door, in its own network, which only root may enter and leave again;
    for others to the one without a door. Two processes are not served alike on a busy machine."""
    if os.geteuid():
        return http.client.HTTPConnection(_HERE, bare, timeout=60)
    connection = http.client.HTTPConnection(_HERE, 4443, timeout=60)
    enter = ctypes.CDLL(None, use_errno=True).setns
    with Path("/proc/thread-self/ns/net").open() as own, Path(f"/proc/{_child(pid)}/ns/net").open() as other:
        try:
            if enter(other.fileno(), 0):
                raise OSError(ctypes.get_errno(), "setns")
            connection.connect()
        finally:
            enter(own.fileno(), 0)
    return connection


def _child(pid: int) -> str:
    (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return child


@contextlib.contextmanager
def _bare(lab: Lab) -> Iterator[int]:
    """The port of a storage emulator without a door, over the same folder, started as the door starts its own."""
    binary = Path(f"/proc/{_child(lab.cloud.pid('storage'))}/exe").readlink()
    with socket.socket() as free:
        free.bind((_HERE, 0))
        port = free.getsockname()[1]
    here = f"{_HERE}:{port}"
    emulator = subprocess.Popen(
        [binary, "-scheme", "http", "-host", _HERE, "-port", str(port), "-external-url", f"http://{here}",
         "-public-host", here, "-backend", "filesystem", "-filesystem-root", "gcs", "-location", lab.cloud.location.upper(),
         "-log-level", "error"],
        cwd=lab.cloud.data_dir, env={"TMPDIR": str(lab.cloud.data_dir / "tmp")}, stdin=subprocess.DEVNULL, umask=0o077, start_new_session=True,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection((_HERE, port)).close()
                break
            except ConnectionRefusedError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
        yield port
    finally:
        emulator.terminate()
        emulator.wait()


def run(lab: Lab) -> Iterator[Row]:
    """(l) Wall time of one request after the other on one connection, in turns."""
    large, small = os.urandom(8 << 20), os.urandom(2_000)
    upload = f"/upload/storage/v1/b/{_BUCKET}/o?uploadType=media&name="
    cases: list[tuple[str, int, bool, Callable[..., float]]] = [
        ("an upload of 8 MB", 40, True, partial(_ask, method="POST", path=f"{upload}large", body=large)),
        ("a listing of 1,000 objects", 40, True, partial(_ask, method="GET", path=f"/storage/v1/b/{_BUCKET}/o?prefix=many/")),
        ("an upload of 2 kB", 200, False, partial(_ask, method="POST", path=f"{upload}small", body=small)),
        ("what an object of 2 kB is", 200, False, partial(_ask, method="GET", path=f"/storage/v1/b/{_BUCKET}/o/small")),
        ("a download of 8 MB", 40, False, partial(_ask, method="GET", path=f"/download/storage/v1/b/{_BUCKET}/o/large?alt=media")),
    ]  # fmt: skip
    with _bare(lab) as bare:
        ports = {"bare": bare, "door": urlsplit(lab.cloud.storage_url).port or 0}
        token, pid = lab.cloud.token, lab.cloud.pid("storage")
        door = http.client.HTTPConnection(_HERE, ports["door"], timeout=60)
        ways = {"bare": _behind(pid, bare), "door": door}
        _ask(door, token, "POST", f"/storage/v1/b?project={PROJECT}", json.dumps({"name": _BUCKET}).encode())
        for number in range(10 if lab.quick else 1_000):
            _ask(ways["bare"], token, "POST", f"{upload}many/{number:04}", b"x")
        for what, pairs, judged, ask in cases:
            for connection in ways.values():
                ask(connection, token)
            before, count = _cpu(pid), 2 if lab.quick else pairs
            found = side_by_side(count, **{name: partial(ask, way, token) for name, way in ways.items()})
            yield _row(what, found, (_cpu(pid) - before) / count, judged)
        for connection in ways.values():
            connection.close()
        rounds = 1 if lab.quick else min(3, lab.rounds)
        before = _cpu(pid)
        found = side_by_side(rounds, **{name: partial(_chain, lab, port) for name, port in ports.items()})
        days = "a day" if lab.quick else "30 days"
        yield _row(
            f"download, load and verify, three datasets, {days}", found, (_cpu(pid) - before) / rounds, not lab.quick
        )


def _row(what: str, found: dict[str, list[float]], spent: float, judged: bool) -> Row:
    plain, more = median(found["bare"]), median([b - a for a, b in zip(found["bare"], found["door"], strict=True)])
    share = more / plain
    return Row(
        "door", f"{what}: more than without ({plain:,.2f} ms); CPU of the door",
        f"{share:+.1%} ({more:+.2f} ms); {spent:.1f} ms", "<= 5 %" if judged else "", share <= 0.05 if judged else None,
    )  # fmt: skip


def _chain(lab: Lab, port: int) -> float:
    """Milliseconds of all three programs, with a bucket and a dataset of their own."""
    place = {**lab.place(), "STORAGE_EMULATOR_HOST": f"http://{_HERE}:{port}"}
    last = FIRST if lab.quick else FIRST + timedelta(29)
    what = [
        "--datasets",
        "demand_outturn",
        "generation_outturn",
        "frequency",
        "--start-date",
        str(FIRST),
        "--end-date",
        str(last),
    ]
    return 1e3 * sum(
        lab.run(program, [*what, *more], place).wall
        for program, more in ((DOWNLOADER, ()), (LOADER, ()), (LOADER, ("--verify",)))
    )
