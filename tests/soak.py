#!/usr/bin/env python3
"""The long, the large and the deadly runs: too slow for every change, to be run before a release.

    python3 tests/soak.py long  [--first 2016-01-01] [--last 2025-12-31] [--scale 0.02]   ten years of the eleven datasets
    python3 tests/soak.py large [--days 7]                                                days of B1610 at their real size
    python3 tests/soak.py archive [--mb 650]                                              one file of a data portal of that size
    python3 tests/soak.py kills [--seeds 100] [--first-seed 0]                            kills at random moments
    python3 tests/soak.py faults [--seeds 20] [--first-seed 0] [--rate 0.3] [--datasets all --first DATE --last DATE]
                                                                                      a third of all answers broken
    python3 tests/soak.py world [--seeds 42] [--first-seed 0] [--tables-every 1]          days of twelve datasets of known truth
    python3 tests/soak.py life [--seeds 100] [--first-seed 0]                             weeks of runs in such a world
    python3 tests/soak.py year [--seeds 1] [--first-seed 0] [--days 365]                  a year of daily runs in it

Each prints what it measured and exits 1 when something is not as it should be. All of it runs on this machine: the
API stand-in, both emulators, and the programs as processes of their own. Run it with the suite's virtual environment
and tests/requirements.lock installed.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
for folder in (ROOT, ROOT / "tests"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

import datasets_config  # noqa: E402
from collector.command_line import dataset_names  # noqa: E402
from local_cloud import LocalCloud  # noqa: E402

DOWNLOADER, LOADER = "enhanced_elexon_neso_downloader.py", "enhanced_bigquery_loader.py"
SAMPLE_SECONDS = 0.5


def resident_mb(pid: int) -> float:
    """Resident memory of a process in MB (10^6 bytes), from /proc; 0 once it has ended."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0.0
    return pages * os.sysconf("SC_PAGESIZE") / 1e6


@dataclass
class Watched:
    """A program's run: exit code, output, wall seconds, and its resident memory over time."""

    code: int
    out: str
    err: str
    seconds: float
    samples: list[tuple[float, float]] = field(default_factory=list)

    @property
    def peak(self) -> float:
        """Highest resident memory that was sampled, MB."""
        return max((mb for _, mb in self.samples), default=0.0)

    def course(self, points: int = 10) -> str:
        """Memory over the run: the highest sample of each of `points` equal parts, MB."""
        parts: list[float] = [0.0] * points
        for at, mb in self.samples:
            part = min(points - 1, int(at / self.seconds * points))
            parts[part] = max(parts[part], mb)
        return " ".join(f"{mb:.0f}" for mb in parts)

    @property
    def is_flat(self) -> bool:
        """Whether the last quarter of the run needs at most a fifth more memory than the second quarter."""
        quarters = [[mb for at, mb in self.samples if q <= at / self.seconds * 4 < q + 1] for q in range(4)]
        return not quarters[1] or not quarters[3] or max(quarters[3]) <= 1.2 * max(quarters[1])


def watch(program: str, *arguments: str, env: dict[str, str], limit: float = 7_200.0) -> Watched:
    """Run a program to its end, sampling its memory. limit: seconds."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        began = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, str(ROOT / program), *arguments], env=env, stdout=out, stderr=err, stdin=subprocess.DEVNULL
        )
        samples = []
        try:
            while process.poll() is None and time.monotonic() - began < limit:
                samples.append((time.monotonic() - began, resident_mb(process.pid)))
                time.sleep(SAMPLE_SECONDS)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
        seconds = time.monotonic() - began
        out.seek(0), err.seek(0)
        return Watched(process.returncode, out.read(), err.read(), seconds, samples)


@contextlib.contextmanager
def standin(*options: str) -> Iterator[dict[str, str]]:
    """The API stand-in as a process of its own; the environment variables that name it."""
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "tests/api_standin.py"), "serve", *options], stdout=subprocess.PIPE, text=True,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        assert process.stdout
        lines = [process.stdout.readline().split(None, 1)[1].strip() for _ in range(2)]
        yield dict(line.split("=", 1) for line in lines)
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def place(keep: str, *options: str) -> Iterator[dict[str, str]]:
    """Emulators over a folder and the stand-in; the environment of the programs. keep: "" is a folder for this run."""
    folder = Path(keep or tempfile.mkdtemp(prefix="soak-"))
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "BMRS_HTTP_TIMEOUT": "60"}
    try:
        with LocalCloud(folder / "cloud") as cloud, standin(*options) as urls:
            yield {**env, **cloud.env, **urls, "SOAK_STORAGE": str(cloud.pid("storage")), "SOAK_BIGQUERY": str(cloud.pid("bigquery"))}
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def report(name: str, ran: Watched) -> None:
    flat = "flat" if ran.is_flat else "NOT FLAT"
    print(f"{name}: exit code {ran.code}, {ran.seconds:.0f} s, memory peak {ran.peak:.0f} MB, {flat}; course {ran.course()} MB", flush=True)
    print(ran.out if ran.code == 0 else ran.out + ran.err[-4_000:], flush=True)


def column(text: str, name: str) -> int:
    """The sum of a column of a summary table."""
    lines = [line for line in text.splitlines() if line and not line.startswith(("FAILED", "The API"))]
    head = lines[0].replace("LOAD JOBS", "LOAD_JOBS").split()
    return sum(int(line.split()[head.index(name)].replace(",", "")) for line in lines[1:] if len(line.split()) == len(head))


# ---------------------------------------------------------------------------------------------- long
def long_run(options: argparse.Namespace) -> bool:
    """Backfill, load, verify, and run again: everything there, memory flat, the second run free of work."""
    what = ["--start-date", options.first, "--end-date", options.last, *(["--datasets", *options.datasets] if options.datasets else [])]
    with place(
        options.data_dir, "--scale", str(options.scale), "--b1610-units", "200", "--boalf-per-day", "300",
        "--no-gaps", "--now", f"{options.last}T23:59Z",
    ) as env:  # fmt: skip
        began = time.monotonic()
        download = watch(DOWNLOADER, *what, env=env)
        report("downloader", download)
        load = watch(LOADER, *what, env=env)
        report("loader", load)
        for emulator in ("STORAGE", "BIGQUERY"):
            print(f"{emulator} emulator: {resident_mb(int(env[f'SOAK_{emulator}'])):.0f} MB at the end")
        verify = watch(LOADER, "--verify", "--output", "json", *what, env=env)
        told = json.loads(verify.out) if verify.out.startswith("{") else {"datasets": [], "ok": False}
        for found in told["datasets"]:
            print(f"  {found['dataset']:<24} {found['days_loaded']:>5} of {found['days_expected']} days, {found['rows_loaded']:>10,} rows, ok {found['ok']}")
        print(f"verification: exit code {verify.code}, {verify.seconds:.0f} s, memory peak {verify.peak:.0f} MB", flush=True)
        again, nothing = watch(DOWNLOADER, *what, env=env), watch(LOADER, *what, env=env)
        asked, jobs = column(again.out, "REQUESTS"), column(nothing.out, "LOAD_JOBS")
        print(f"again: {again.seconds:.0f} + {nothing.seconds:.0f} s, {asked} requests, {jobs} load jobs")
        print(
            f"in all {time.monotonic() - began:.0f} s; {column(download.out, 'REQUESTS')} requests, {column(load.out, 'LOAD_JOBS')} load jobs, "
            f"{column(load.out, 'TRANSACTIONS')} transactions"
        )
    codes = [ran.code for ran in (download, load, verify, again, nothing)]
    return not any(codes) and told["ok"] and asked == jobs == 0 and download.is_flat and load.is_flat


# ---------------------------------------------------------------------------------------------- large
def large_run(options: argparse.Namespace) -> bool:
    """One B1610 day of 440,000 records, then a week, then the week with more workers: the peak does not grow."""
    peaks = []
    with place(options.data_dir, "--b1610-units", "9177", "--no-gaps") as env:
        for first, last, more in (
            ("2024-03-04", "2024-03-04", []), ("2024-03-05", f"2024-03-{4 + options.days:02d}", []),
            ("2024-03-05", f"2024-03-{4 + options.days:02d}", ["--force", "--max-workers", "64", "--max-days", "366"]),
        ):  # fmt: skip
            ran = watch(DOWNLOADER, "--datasets", "individual_generation", "--start-date", first, "--end-date", last, *more, env=env)
            report(f"downloader, {first} to {last} {' '.join(more)}", ran)
            peaks.append(ran.peak)
            if ran.code:
                return False
        load = watch(LOADER, "--datasets", "individual_generation", "--start-date", "2024-03-04", "--end-date", last, env=env)
        report("loader", load)
    return load.code == 0 and max(peaks) < 1_000


# ---------------------------------------------------------------------------------------------- archive
_ARCHIVE = (
    "DATE_GMT,TIME_GMT,SETTLEMENT_DATE,SETTLEMENT_PERIOD,EMBEDDED_WIND_FORECAST,EMBEDDED_WIND_CAPACITY,EMBEDDED_SOLAR_FORECAST,EMBEDDED_SOLAR_CAPACITY,"
    "Forecast_Datetime,source_file\n"
)


def write_archive(path: Path, megabytes: int) -> tuple[int, date, date]:
    """A year's archive of embedded forecasts of this size, an issue an hour: rows, first and last day of issue."""
    rows, day = 0, date(2025, 1, 1)
    with path.open("w", encoding="ascii") as file:
        file.write(_ARCHIVE)
        while file.tell() < megabytes * 1_000_000 and day.year == 2025:
            # The hour that UK clocks skip has no issue.
            for hour in (hour for hour in range(24) if (day, hour) != (date(2025, 3, 30), 1)):
                issue = f"{day}T{hour:02}:12:00Z,{day:%Y%m%d}{hour:02}12_embedded_forecast.csv\n"
                for ahead in range(13):
                    target = f"{day + timedelta(ahead + 1)}T00:00:00Z"
                    file.writelines(
                        f"{target},{number // 2:02}:{number % 2 * 3}0:00,{target},{number},{rows % 5_000 + number},6417,{number * hour},23301,{issue}" for number in range(1, 46)
                    )
                    rows += 45
            day += timedelta(1)
    return rows, date(2025, 1, 1), day - timedelta(1)


@contextlib.contextmanager
def portal_of(path: Path) -> Iterator[str]:
    """A portal that has this one file, and sends it from disk; its address."""
    identity = "00000000-0000-0000-0000-000000000001"
    resource = {
        "id": identity, "name": "Embedded Solar and Wind Forecast Archive 2025", "url": f"https://api.neso.energy/dataset/x/resource/{identity}/download/a.csv",
        "url_type": "upload", "last_modified": "2026-01-02T03:04:05.678901",
    }  # fmt: skip

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b"" if "/download/" in self.path else json.dumps({"success": True, "result": {"resources": [resource]}}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/octet-stream" if not body else "application/json")
            self.send_header("Content-Length", str(len(body) or path.stat().st_size))
            self.end_headers()
            if body:
                self.wfile.write(body)
                return
            with path.open("rb") as file:
                shutil.copyfileobj(file, self.wfile, 1 << 20)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def archive_run(options: argparse.Namespace) -> bool:
    """A file of the size of the largest archives, to its days and again: hardly more memory than for a quarter of it, the second run without a request for it."""
    peaks, ok = [], True
    for megabytes in (options.mb // 4, options.mb):
        with place("") as env, tempfile.TemporaryDirectory(prefix="soak-") as folder:
            path = Path(folder) / "a.csv"
            rows, first, last = write_archive(path, megabytes)
            print(f"{path.stat().st_size / 1e6:.0f} MB, {rows:,} rows, {first} to {last}", flush=True)
            what = ("--datasets", "embedded_forecast_archive", "--start-date", str(first), "--end-date", str(last))
            with portal_of(path) as url:
                ran, again = (watch(DOWNLOADER, *what, env={**env, "NESO_PORTAL_BASE_URL": url}) for _ in range(2))
        print(f"exit codes {ran.code}, {again.code}, {ran.seconds:.0f} s, memory peak {ran.peak:.0f} MB; course {ran.course()} MB", flush=True)
        print(ran.out if ran.code == 0 else ran.out + ran.err[-4_000:], flush=True)
        peaks.append(ran.peak)
        ok = ok and ran.code == again.code == 0 and column(ran.out, "ROWS") == rows and column(again.out, "REQUESTS") <= 1
    # What is remembered of dates has a limit that a year comes near to, and each worker holds a day.
    return ok and peaks[1] < 300 and peaks[1] - peaks[0] < 100


# ---------------------------------------------------------------------------------------------- kills
def kill_run(options: argparse.Namespace) -> bool:
    """Many seeds of the harness in test_kill.py."""
    import test_kill

    failed = 0
    killed: collections.Counter[str] = collections.Counter()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder, test_kill.Ground(Path(options.data_dir or folder)) as ground:
        for seed in range(options.first_seed, options.first_seed + options.seeds):
            story = ground.trial(seed)
            killed.update(story.kills)
            failed += bool(story.wrong)
            print(f"seed {seed}: {story}", flush=True)
    print(f"{options.seeds} seeds, {sum(killed.values())} kills ({dict(killed)}), {failed} not survived, {time.monotonic() - began:.0f} s")
    return not failed


# ---------------------------------------------------------------------------------------------- faults
def fault_run(options: argparse.Namespace) -> bool:
    """Faults of the APIs and of both cloud services at once, over the eleven datasets or others: the end state is that without."""
    import test_kill
    from cloud_proxy import BIGQUERY_FAULTS, STORAGE_FAULTS

    failed = 0
    dealt: dict[str, collections.Counter[str]] = {name: collections.Counter() for name in ("api", "storage", "bigquery")}
    began = time.monotonic()
    keys = list(dict.fromkeys(key for keys in options.datasets or (datasets_config.DEFAULT_DATASETS,) for key in keys))
    what = ("--start-date", options.first, "--end-date", options.last)
    with tempfile.TemporaryDirectory(prefix="soak-") as folder, test_kill.Ground(
        Path(options.data_dir or folder), keys, max_days=1, what=what, within=options.within
    ) as ground:  # fmt: skip
        print(f"{len(keys)} datasets: {len(ground.reference.objects)} objects, {len(ground.reference.tables)} tables, {time.monotonic() - began:.0f} s without faults", flush=True)
        ground.api.set(faults="all,-bomb,-redirect", hang_seconds=7.0, trickle_seconds=7.0, refuse_seconds=0.1)
        services = {"storage": STORAGE_FAULTS, "bigquery": BIGQUERY_FAULTS}
        for seed in range(options.first_seed, options.first_seed + options.seeds):
            place, wrong = ground.place(), []
            ground.api.clear_log()
            ground.api.set(fault_rate=options.rate, seed=seed)
            for name, faults in services.items():
                ground.proxies[name].asked.clear()
                ground.proxies[name].set(options.rate, seed, faults)
            for program in (DOWNLOADER, LOADER):
                # Straight to the API: a proxy would mend what is cut short.
                code, output, _seconds = ground.run(program, place, **ground.api.environment)
                wrong += [f"{program} ended with {code}: {output[-1_500:]}"] if code else []
            found = {"api": collections.Counter(entry["fault"] for entry in ground.api.requests if entry["fault"])}
            found |= {name: ground.proxies[name].injected() for name in services}
            ground.api.set(fault_rate=0.0)
            for name in services:
                ground.proxies[name].set(0.0)
            wrong += ground.differences(ground.end(place))
            failed += bool(wrong)
            for name, counted in found.items():
                dealt[name].update(counted)
            counts = ", ".join(f"{counted.total()} {name}" for name, counted in found.items())
            print(f"seed {seed}: {counts} faults: {'; '.join(wrong) or 'as without'}", flush=True)
    for name, counted in dealt.items():
        print(f"{name}: {counted.total()} faults ({dict(counted.most_common())})")
    print(f"{options.seeds} seeds at a rate of {options.rate}, {failed} not survived, {time.monotonic() - began:.0f} s")
    return not failed


# ---------------------------------------------------------------------------------------------- world, life
def _many_worlds(options: argparse.Namespace, name: str) -> bool:
    import conftest
    import test_life
    import test_world
    from world import CODES

    failed = 0
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        programs = Path(folder) / "programs"
        programs.mkdir()
        with LocalCloud(Path(options.data_dir or folder) / "cloud", conftest.PROJECT, "unused-bucket", "unused") as cloud:
            for seed in range(options.first_seed, options.first_seed + options.seeds):
                started = time.monotonic()
                with conftest.places(cloud, programs, Path(folder)) as make:
                    if name == "world":
                        trials = test_world.trials_of(seed, seed % options.tables_every == 0)
                        wrong = [text for trial in trials for text in trial.run(make)]
                        told = f"{len(CODES)} datasets{', with tables' * trials[0].tables}, {trials[0].windows}"
                    elif name == "year":
                        year = test_life.year(seed, make, options.days)
                        wrong, told = year.wrong, year.report
                    else:
                        life = test_life.drawn(seed, make, length=21, count=3)
                        wrong, told = life.wrong, f"{', '.join(life.codes)}: {life.report}"
                failed += bool(wrong)
                print(f"seed {seed}, {time.monotonic() - started:.0f} s: {told}: {'as the world has it' if not wrong else f'{len(wrong)} WRONG'}", flush=True)
                for text in wrong[:10]:
                    print(f"  {text}", flush=True)
    print(f"{options.seeds} seeds, {failed} with a disagreement, {time.monotonic() - began:.0f} s")
    return not failed


def world_run(options: argparse.Namespace) -> bool:
    """Days of a world with known truth through the whole chain: rows and verdicts are those of the world."""
    return _many_worlds(options, "world")


def life_run(options: argparse.Namespace) -> bool:
    """Weeks of daily runs against a world that moves: no claim of a day is wrong, and what that cost."""
    return _many_worlds(options, "life")


def year_run(options: argparse.Namespace) -> bool:
    """A year of daily runs: no claim is wrong, settlement runs are read soon, and few requests are needless."""
    return _many_worlds(options, "year")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    runs = parser.add_subparsers(dest="run", required=True)
    commands: dict[str, Any] = {"long": long_run, "large": large_run, "archive": archive_run, "kills": kill_run, "faults": fault_run, "world": world_run, "life": life_run, "year": year_run}
    parsers = {name: runs.add_parser(name, help=function.__doc__) for name, function in commands.items()}
    for one in parsers.values():
        one.add_argument("--data-dir", default="", help="folder for the emulators' data, kept (default: a temporary one)")
    parsers["long"].add_argument("--first", default="2016-01-01")
    parsers["long"].add_argument("--last", default="2025-12-31")
    parsers["long"].add_argument("--scale", type=float, default=0.02)
    parsers["long"].add_argument("--datasets", nargs="+")
    parsers["large"].add_argument("--days", type=int, default=7)
    parsers["archive"].add_argument("--mb", type=int, default=650)
    for name, seeds in (("kills", 100), ("faults", 20), ("world", 42), ("life", 100), ("year", 1)):
        parsers[name].add_argument("--seeds", type=int, default=seeds)
        parsers[name].add_argument("--first-seed", type=int, default=0)
    parsers["world"].add_argument("--tables-every", type=int, default=1, help="load and verify with each Nth seed, else judge what is stored (default: 1)")
    parsers["year"].add_argument("--days", type=int, default=365)
    parsers["faults"].add_argument("--rate", type=float, default=0.3)
    parsers["faults"].add_argument("--datasets", nargs="+", type=dataset_names, help="keys, codes, groups or all (default: the eleven)")
    parsers["faults"].add_argument("--first", default="2024-03-28")
    parsers["faults"].add_argument("--last", default="2024-04-02")
    parsers["faults"].add_argument("--within", type=float, default=240, help="seconds in which a program has to end (default: 240)")
    options = parser.parse_args()
    ok = commands[options.run](options)
    print("ok" if ok else "NOT OK")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
