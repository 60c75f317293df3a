"""The laboratory: emulators, the API stand-in in a process of its own, programs as measured processes."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import local_cloud

ROOT = Path(__file__).resolve().parent.parent
DOWNLOADER, LOADER = "enhanced_elexon_neso_downloader.py", "enhanced_bigquery_loader.py"
PROJECT = "benchmark-project"
T = TypeVar("T")


@dataclass(frozen=True)
class Row:
    """A line of the table: what was measured, the value, the target ("" where there is none), whether it is met."""

    bench: str
    what: str
    value: str
    target: str = ""
    met: bool | None = None


@dataclass(frozen=True)
class Ran:
    """A finished process: wall and CPU seconds (user and system, of those that it started too), peak memory in MB, what it
    printed.

    told: what benchmarks/child.py counted inside: seconds of the run itself, requests and connections to each host.
    """

    wall: float
    cpu: float
    peak: float
    out: str
    err: str
    told: dict[str, Any]

    @property
    def whole_peak(self) -> float:
        """The most MB of it and of all processes that it started together: the sum of their peaks."""
        return float(self.peak + sum(self.told.get("processes", ())))


def process(
    command: Sequence[str | Path], env: dict[str, str] | None = None, accept: Sequence[int] = (0,), folder: Path = ROOT
) -> Ran:
    """Run a command to its end and measure it. Raises RuntimeError for an exit code that is not accepted."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        began = time.perf_counter()
        child = subprocess.Popen(
            [*map(str, command)], stdout=out, stderr=err, stdin=subprocess.DEVNULL, env=env, cwd=folder
        )
        _, status, used = os.wait4(child.pid, 0)
        wall = time.perf_counter() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        said, complained = out.read(), err.read()
    if child.returncode not in accept:
        raise RuntimeError(
            f"{' '.join(map(str, command))[:300]} ended with {child.returncode}:\n{said[-2000:]}\n{complained[-2000:]}"
        )
    told: dict[str, Any] = {}
    if complained.rstrip().rpartition("\n")[2].startswith("{"):
        complained, _, last = complained.rstrip().rpartition("\n")
        told = json.loads(last)
    peak = told.get("peak") or used.ru_maxrss / 1024
    return Ran(wall, used.ru_utime + used.ru_stime, peak, said, complained, told)


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def side_by_side(rounds: int, **what: Callable[[], T]) -> dict[str, list[T]]:
    """Measure several things in turns, `rounds` times: what disturbs one then disturbs its neighbour too."""
    found: dict[str, list[T]] = {name: [] for name in what}
    for _ in range(rounds):
        for name, measure in what.items():
            found[name].append(measure())
    return found


class Lab:
    """Emulators and stand-in for as long as the context lasts. quick: tiny sizes, to see that everything runs."""

    def __init__(self, quick: bool, rounds: int) -> None:
        self.quick, self.rounds = quick, 1 if quick else rounds
        self._stack = contextlib.ExitStack()
        self._numbers = itertools.count(1)

    def __enter__(self) -> Lab:
        # Memory, where there is a file system in it: the disk of the emulators is not what is measured.
        shared = Path("/dev/shm")
        folder = self._stack.enter_context(
            tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None, prefix="benchmark-")
        )
        self.folder = Path(folder)
        self.cloud = self._stack.enter_context(
            local_cloud.LocalCloud(self.folder / "cloud", PROJECT, "unused-bucket", "unused")
        )
        command = [sys.executable, str(ROOT / "tests/api_standin.py"), "serve", "--no-gaps"]
        self._standin = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self._stack.callback(self._end_standin)
        assert self._standin.stdout
        self.urls = dict(
            self._standin.stdout.readline().removeprefix("export ").rstrip().split("=", 1) for _ in range(2)
        )
        self.elexon_url = self.urls["ELEXON_BASE_URL"]
        self.real_size = {} if self.quick else {"b1610_units": 9_177, "boalf_per_day": 27_000}
        self.api(cache_bytes=3 << 30, **self.real_size)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _end_standin(self) -> None:
        self._standin.send_signal(signal.SIGTERM)
        self._standin.wait(30)

    # -- the stand-in
    def _ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        root = self.elexon_url.partition("/bmrs")[0]
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(root + path, data), timeout=60) as answer:
            return json.loads(answer.read())

    def api(self, **switches: Any) -> None:
        """Set the stand-in's switches and begin its log afresh."""
        self._ask("/__control", {"set": switches, "clear_log": True})

    def log(self) -> dict[str, Any]:
        """The stand-in's log: requests, connections since it started (this question's included)."""
        return self._ask("/__log")  # type: ignore[no-any-return]

    # -- the programs
    def place(self) -> dict[str, str]:
        """A bucket and a BigQuery dataset of their own, as the environment that names them."""
        number = next(self._numbers)
        bucket, dataset = f"bucket-{number}", f"dataset_{number}"
        for url, body in (
            (f"{self.cloud.storage_url}/storage/v1/b?project={PROJECT}", {"name": bucket}),
            (
                f"{self.cloud.bigquery_url}/bigquery/v2/projects/{PROJECT}/datasets",
                {"datasetReference": {"projectId": PROJECT, "datasetId": dataset}, "location": "europe-west2"},
            ),
        ):
            status, text = self.cloud.request("POST", url, body)
            if status != 200:
                raise RuntimeError(text)
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return {**kept, **self.cloud.env, **self.urls, "BMRS_BUCKET": bucket, "BMRS_DATASET": dataset}

    def run(
        self,
        program: str,
        arguments: Sequence[str],
        place: dict[str, str],
        accept: Sequence[int] = (0,),
        options: Sequence[str] = (),
    ) -> Ran:
        """A program through benchmarks/child.py, which tells what went on inside and has `options`."""
        return process(
            [sys.executable, ROOT / "benchmarks/child.py", *options, "--", program, "--quiet", *arguments],
            place,
            accept,
        )
