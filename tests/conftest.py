"""What the tests share: emulators, a place of one's own in them, the API stand-in, and ways to run the programs.

The programs run twice over: as processes with a clean environment (`Place.run`), and, where a test chooses what time
it is, in this process (`Place.download`, `Place.load`).
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import io
import itertools
import json
import os
import pkgutil
import re
import shutil
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from unittest import mock
from zoneinfo import ZoneInfo

import pytest
from hypothesis import settings as hypothesis_settings

ROOT = Path(__file__).resolve().parent.parent
for folder in (ROOT, ROOT / "tests"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

with warnings.catch_warnings():
    # Google's libraries say at every start that they will leave Python 3.10 behind.
    warnings.simplefilter("ignore", FutureWarning)
    import google_sql
    from api_standin import ApiStandin
    from google.cloud import bigquery, storage
    from google.oauth2.credentials import Credentials
    from isal import igzip

    import collector
    import datasets_config
    import enhanced_bigquery_loader as loader
    import enhanced_elexon_neso_downloader as downloader
    from collector.base.errors import MISUSED, UsageError
    from collector.registry.model import Dataset
    from collector.source.requests import DataRequest, requests_of
    from collector.storage.day_objects import object_name
    from local_cloud import LocalCloud

    # All at once: a module that is first imported while the clock is set would keep that clock.
    _MODULES = [importlib.import_module(module.name) for module in pkgutil.walk_packages(collector.__path__, "collector.")]

SAMPLES = ROOT.parent / "shared" / "samples"
DOWNLOADER, LOADER = downloader.PROG, loader.PROG
PROJECT = "test-project"
LONDON, UTC = ZoneInfo("Europe/London"), timezone.utc
# What each dataset is called by the stand-in.
CODES = {key: dataset.code for key, dataset in datasets_config.REGISTRY.items()} | {
    "demand_outturn": "DEMAND",
    "carbon_intensity": "CARBON",
}
TWELVE = (*datasets_config.DEFAULT_DATASETS, "balancing_services_disaggregated")

# What takes minutes because it breaks things over and over, or measures them.
LONG = {"test_benchmarks", "test_concurrent", "test_faults_cloud", "test_kill"}

# The same examples in every run; HYPOTHESIS_PROFILE=search looks for new ones.
hypothesis_settings.register_profile("same", deadline=None, derandomize=True, database=None, max_examples=60)
hypothesis_settings.register_profile("search", deadline=None, max_examples=1_000, print_blob=True)
hypothesis_settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


def pytest_configure(config: pytest.Config) -> None:
    # Started with & by a script, SIGINT is ignored here and in every program that is started here.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    config.addinivalue_line("markers", "emulators: needs the emulators of local_cloud.py")
    config.addinivalue_line("markers", "long: minutes of faults, kills and races; only with run_tests.sh --long")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.stem in LONG:
            item.add_marker("long")
        if "cloud" in getattr(item, "fixturenames", ()) or item.path.name == "test_local_cloud.py":
            item.add_marker("emulators")


def days(first: str, last: str = "") -> list[date]:
    """Every day from first to last, both included; of first alone when last is left out."""
    start, end = date.fromisoformat(first), date.fromisoformat(last or first)
    return [start + timedelta(n) for n in range((end - start).days + 1)]


@dataclass
class Ran:
    """How a program ended."""

    code: int
    out: str
    err: str

    def cell(self, key: str, column: str) -> str:
        """The cell of a dataset's line in the table that was printed. Columns are told apart by two blanks."""
        lines = [line for line in self.out.splitlines() if line.startswith(("DATASET", f"{key} "))]
        names, cells = (re.split(r"  +", line.strip()) for line in lines[:2])
        return dict(zip(names, cells, strict=True))[column]

    def ok(self) -> Ran:
        assert self.code == 0, f"exit code {self.code}\n{self.out}\n{self.err}"
        return self


@dataclass
class Place:
    """A bucket and a BigQuery dataset of one test, the API that it asks, and ways to run the programs there."""

    api: ApiStandin
    programs: Path
    home: Path
    bucket_name: str
    dataset_id: str
    services: dict[str, str]
    storage: storage.Client
    bq: bigquery.Client
    overrides: dict[str, str] = field(default_factory=dict)

    @property
    def env(self) -> dict[str, str]:
        """All that a program sees of the environment."""
        return {
            "PATH": os.environ["PATH"], "HOME": str(self.home), "PYTHONWARNINGS": "ignore::FutureWarning", **self.services,
            "BMRS_PROJECT": PROJECT, "BMRS_BUCKET": self.bucket_name, "BMRS_DATASET": self.dataset_id,
            "BMRS_HTTP_TIMEOUT": "20", **self.api.environment, **self.overrides,
        }  # fmt: skip

    # -- running

    def start(self, program: str, *arguments: str, **more: str) -> subprocess.Popen[str]:
        """A program as a process, not waited for."""
        return subprocess.Popen(
            [sys.executable, str(self.programs / program), *arguments], env=self.env | more, cwd=self.home,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, program: str, *arguments: str, **more: str) -> Ran:
        """A program as a process of its own, to its end. more: environment variables."""
        process = self.start(program, *arguments, **more)
        out, err = process.communicate(timeout=240)
        return Ran(process.returncode, out, err)

    def run_measured(self, program: str, *arguments: str) -> tuple[Ran, float]:
        """Like run(), with the program's peak memory in MB."""
        # A small process in between: Linux counts the memory of the process that starts a program into the program's
        # peak, and here that would be pytest's.
        code = "import resource, subprocess, sys; code = subprocess.call(sys.argv[1:]); " + (
            "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(code)"
        )
        command = [sys.executable, "-c", code, sys.executable, str(self.programs / program), *arguments]
        done = subprocess.run(command, env=self.env, cwd=self.home, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240)
        out, _, peak = done.stdout.rstrip().rpartition("\n")
        return Ran(done.returncode, out, done.stderr), int(peak) / 1024

    def download(self, *arguments: str, now: datetime | None = None) -> Ran:
        """The downloader, in this process; `now` is what it takes for the present."""
        return self._inside(downloader, arguments, now)

    def load(self, *arguments: str, now: datetime | None = None) -> Ran:
        """The loader, in this process."""
        return self._inside(loader, arguments, now)

    def collect(self, *arguments: str, now: datetime | None = None) -> None:
        """Download and load, both to a good end."""
        self.download(*arguments, now=now).ok()
        self.load(*arguments, now=now).ok()

    def _inside(self, program: Any, arguments: Sequence[str], now: datetime | None) -> Ran:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.ExitStack() as stack:
            stack.enter_context(mock.patch.dict(os.environ, self.env, clear=True))
            stack.enter_context(mock.patch("collector.settings.read_api_env", dict))
            for module in _MODULES if now else ():
                if hasattr(module, "utc_now"):
                    stack.enter_context(mock.patch.object(module, "utc_now", lambda: now))
            if now:  # the bucket's clock stays as it is
                stack.enter_context(mock.patch("collector.storage.day_objects._CLOCKS_DIFFER", timedelta.max))
            stack.enter_context(contextlib.redirect_stdout(out))
            stack.enter_context(contextlib.redirect_stderr(err))
            sent = stack.enter_context(_recorded_sql())
            handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
            try:
                code = program.main(list(arguments))
            except UsageError as error:
                code = MISUSED
                print(f"{program.PROG}: {error}", file=err)
            except SystemExit as stop:
                code = int(stop.code or 0)
            finally:
                for number, handler in handlers.items():
                    signal.signal(number, handler)
        for sql, parameters in sent:
            google_sql.judge(sql, parameters)
        return Ran(code, out.getvalue(), err.getvalue())

    # -- looking

    @property
    def bucket(self) -> storage.Bucket:
        return self.storage.bucket(self.bucket_name)

    def objects(self, prefix: str = "raw/") -> dict[str, storage.Blob]:
        """Every object below a prefix, by name."""
        return {blob.name: blob for blob in self.storage.list_blobs(self.bucket_name, prefix=prefix)}

    def blob(self, key: str, day: date | str) -> storage.Blob:
        found = self.bucket.get_blob(object_name(key, _day(day)))
        assert found, f"{key} {day} is not stored"
        return found

    def lines(self, key: str, day: date | str) -> list[bytes]:
        """The records that the day's object holds."""
        return unpacked(self.blob(key, day))

    def state(self) -> dict[str, str]:
        """The content of every object: what a run that finds nothing new leaves as it was."""
        return {name: blob.md5_hash for name, blob in self.objects("").items()}

    def table_id(self, key: str) -> str:
        return f"{PROJECT}.{self.dataset_id}.{datasets_config.REGISTRY[key].table}"

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        return [tuple(row.values()) for row in self.bq.query_and_wait(sql)]

    def rows(self, key: str, day: date | str | None = None) -> list[dict[str, Any]]:
        """The table's rows, of one day or all."""
        where = "" if day is None else f" WHERE settlement_date = DATE '{day}'"
        rows = self.bq.query_and_wait(f"SELECT * FROM `{self.table_id(key)}`{where}")
        # Not row.items(), which makes a deep copy of each value.
        return [{name: row[name] for name in row.keys()} for row in rows]  # noqa: SIM118

    def jobs(self, kind: str = "load") -> int:
        """How many load (or query) jobs there have been in this place so far."""
        jobs = (job for job in self.bq.list_jobs() if job.job_type == kind)
        return sum(1 for job in jobs if kind != "load" or job.destination.dataset_id == self.dataset_id)

    def verification(self, *arguments: str, now: datetime | None = None) -> tuple[int, dict[str, dict[str, Any]]]:
        """Exit code of --verify, and what it says of each dataset; `days` as rows, without the names of their fields."""
        ran = self.load("--verify", "--output", "json", *arguments, now=now)
        assert ran.out, ran.err
        told = json.loads(ran.out)
        assert told["ok"] == (ran.code == 0), ran
        return ran.code, {
            entry["dataset"]: entry | {"days": [list(day.values()) for day in entry["days"]]} for entry in told["datasets"]
        }

    def requests(self, part: str = "") -> list[dict[str, Any]]:
        """What the API was asked for, of paths with `part` in them."""
        return [entry for entry in self.api.requests if part in entry["path"]]

    def check(self, key: str, day: date | str) -> int:
        """The promise: the object holds the records of the day, byte for byte, and the table its distinct rows.

        Returns how many rows the day has.
        """
        expected = self.api.expected(CODES[key], _day(day))
        assert sorted(set(self.lines(key, day))) == sorted(expected), f"{key} {day}: the object"
        wanted = model_rows(key, expected)
        got = self.rows(key, day)
        assert sorted(map(_sortable, got)) == sorted(map(_sortable, wanted)), f"{key} {day}: the table"
        return len(got)


@contextlib.contextmanager
def _recorded_sql() -> Iterator[list[tuple[str, Sequence[Any]]]]:
    """What is sent to BigQuery meanwhile: each text with its parameters. Nothing leaves the emulator unjudged by Google's
    own engine, so that no statement that BigQuery would not take can be added unseen."""
    sent: list[tuple[str, Sequence[Any]]] = []

    def recording(method: Any) -> Any:
        def call(client: Any, query: str, *arguments: Any, job_config: Any = None, **more: Any) -> Any:
            sent.append((query, job_config.query_parameters if job_config else ()))
            return method(client, query, *arguments, job_config=job_config, **more)

        return call

    with contextlib.ExitStack() as stack:
        for name in ("query", "query_and_wait"):
            stack.enter_context(mock.patch.object(bigquery.Client, name, recording(getattr(bigquery.Client, name))))
        yield sent


def _day(day: date | str) -> date:
    return date.fromisoformat(day) if isinstance(day, str) else day


def _sortable(row: dict[str, Any]) -> tuple[str, ...]:
    return tuple(f"{name}={row[name]!r}" for name in sorted(row))


def drawn_on(terminal: int) -> str:
    """All that is written to a pseudo-terminal, whose other end this is, until nobody has it open any more; closes it."""
    drawn = b""
    # Its end is an error or nothing, as the system has it.
    with contextlib.suppress(OSError):
        while piece := os.read(terminal, 65_536):
            drawn += piece
    os.close(terminal)
    return drawn.decode()


def _text_of(blob: storage.Blob) -> bytes:
    return igzip.decompress(blob.download_as_bytes(raw_download=True))


def unpacked(blob: storage.Blob) -> list[bytes]:
    """The lines of an object."""
    return _text_of(blob).splitlines()


def content_of(blob: storage.Blob) -> tuple[str, str, str]:
    """What an object holds, and what its metadata say of it: SHA-256 of the lines, rows, SHA-256 as told.

    Not the compressed bytes: on rare occasions isal makes other ones of the same lines.
    """
    return hashlib.sha256(_text_of(blob)).hexdigest(), blob.metadata["rows"], blob.metadata["sha256"]


# ------------------------------------------------------------------------------- an independent model of the tables
_CASTS: dict[str, Callable[[Any], Any]] = {
    "STRING": str, "INT64": int, "FLOAT64": float, "BOOL": bool, "DATE": date.fromisoformat,
    "TIMESTAMP": lambda text: datetime.fromisoformat(text.rstrip("Z") + "+00:00"),
}  # fmt: skip


def question(dataset: Dataset, start: datetime, end: datetime) -> DataRequest:
    """The one request for [start, end)."""
    (request,) = requests_of(dataset, start, end)
    return request


def instant_of(key: str, record: dict[str, Any]) -> datetime:
    """The instant of a record, as the issue's table of datasets words it."""
    parse = _CASTS["TIMESTAMP"]
    match key:
        case "bid_offer_acceptances":
            return parse(record["timeFrom"])
        case "generation_outturn" | "demand_outturn" | "fuel_instructions" | "market_index":
            return parse(record["startTime"])
        case "system_warnings" | "wind_forecasts":
            return parse(record["publishTime"])
        case "frequency":
            return parse(record["measurementTime"])
        case "individual_generation":
            return parse(record["halfHourEndTime"]) - timedelta(minutes=30)
        case "carbon_intensity":
            return parse(record["from"])
        case "balancing_services" | "balancing_services_disaggregated":
            midnight = datetime.fromisoformat(record["settlementDate"]).replace(tzinfo=LONDON)
            return midnight.astimezone(UTC) + timedelta(minutes=30) * (record["settlementPeriod"] - 1)
    raise AssertionError(key)


def settlement_of(instant: datetime) -> tuple[date, int]:
    """Settlement date and period, by the time zone database and nothing of the product."""
    day = instant.astimezone(LONDON).date()
    midnight = datetime(day.year, day.month, day.day, tzinfo=LONDON).astimezone(UTC)
    return day, int((instant - midnight).total_seconds() // 1_800) + 1


def model_rows(key: str, records: Sequence[bytes]) -> list[dict[str, Any]]:
    """The rows that a table should hold for records with distinct keys."""
    rows = []
    for text in records:
        record = json.loads(text)
        instant = instant_of(key, record)
        day, period = settlement_of(instant)
        row: dict[str, Any] = {}
        for column in datasets_config.REGISTRY[key].columns:
            if column.source.startswith("@"):
                row[column.name] = {"@instant": instant, "@settlement_date": day, "@settlement_period": period}[column.source]
                continue
            value: Any = record
            for part in column.source.split("."):
                value = None if value is None else value.get(part)
            row[column.name] = None if value is None else _CASTS[column.type](value)
        rows.append(row)
    return rows


# ---------------------------------------------------------------------------------------------------------- fixtures
@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """The two emulators, for all tests."""
    with LocalCloud(tmp_path_factory.mktemp("cloud"), PROJECT, "unused-bucket", "unused") as running:
        yield running


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs in a folder of their own: no api.env of the developer's has a say there."""
    folder = tmp_path_factory.mktemp("programs") / "a folder"
    shutil.copytree(ROOT / "collector", folder / "collector", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "views", folder / "views")
    for program in ("datasets_config.py", DOWNLOADER, LOADER):
        shutil.copy(ROOT / program, folder)
    return folder


@pytest.fixture
def api() -> Iterator[ApiStandin]:
    """The stand-in: all that the real service serves of each day, but fewer units and acceptances."""
    with ApiStandin(gaps=False, b1610_units=4, boalf_per_day=60) as running:
        yield running
        assert running.errors == []


_NUMBERS = itertools.count(1)


def make_place(cloud: LocalCloud, api: ApiStandin, programs: Path, home: Path) -> Place:
    """A new bucket and a new dataset in the emulators."""
    number = next(_NUMBERS)
    bucket, dataset = f"bucket-{number}", f"dataset_{number}"
    for url, body in (
        (f"{cloud.storage_url}/storage/v1/b?project={PROJECT}", {"name": bucket}),
        (
            f"{cloud.bigquery_url}/bigquery/v2/projects/{PROJECT}/datasets",
            {"datasetReference": {"projectId": PROJECT, "datasetId": dataset}, "location": "europe-west2"},
        ),
    ):
        status, text = cloud.request("POST", url, body)
        assert status == 200, text
    credentials = Credentials(cloud.token)
    services = {name: value for name, value in cloud.env.items() if not name.startswith("BMRS_")}
    return Place(
        api, programs, home, bucket, dataset, services,
        storage.Client(PROJECT, credentials, client_options={"api_endpoint": cloud.storage_url}),
        bigquery.Client(PROJECT, credentials, client_options={"api_endpoint": cloud.bigquery_url}),
    )  # fmt: skip


@contextlib.contextmanager
def places(cloud: LocalCloud, programs: Path, home: Path) -> Iterator[Callable[[ApiStandin], Place]]:
    """Makes places for an API. Their datasets go at the end: what the BigQuery emulator does with one table takes the longer
    the more tables it has, in whatever dataset."""
    made: list[Place] = []

    def make(api: ApiStandin) -> Place:
        made.append(make_place(cloud, api, programs, home))
        return made[-1]

    try:
        yield make
    finally:
        for place in made if not cloud.dead() else ():
            cloud.request("DELETE", f"{cloud.bigquery_url}/bigquery/v2/projects/{PROJECT}/datasets/{place.dataset_id}?deleteContents=true")


@pytest.fixture
def place_for(cloud: LocalCloud, programs: Path, tmp_path: Path) -> Iterator[Callable[[ApiStandin], Place]]:
    """Makes places for an API of the test's own."""
    with places(cloud, programs, tmp_path) as make:
        yield make


@pytest.fixture
def new_place(place_for: Callable[[ApiStandin], Place], api: ApiStandin) -> Callable[[], Place]:
    """Makes places: each a bucket and a dataset of its own."""
    return lambda: place_for(api)


@pytest.fixture
def place(new_place: Callable[[], Place]) -> Place:
    """A bucket and a dataset of the test's own."""
    return new_place()
