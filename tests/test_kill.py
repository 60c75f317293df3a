"""Death at any moment: the programs are killed, run again, and leave what an undisturbed run leaves.

The moment is a number of requests, to the API or to either cloud service, that are counted by proxies: so the kills
fall into the work, evenly, on fast machines and slow ones. `python3 tests/soak.py kills` runs many more seeds.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from api_standin import ApiStandin
from cloud_proxy import CloudProxy
from conftest import DOWNLOADER, LOADER, PROJECT, ROOT, Credentials, bigquery, content_of, storage

from collector.registry.model import Column
from datasets_config import REGISTRY
from local_cloud import LocalCloud

DEPLOY = "deploy_data_collectors.sh"
KEYS = ("market_index", "carbon_intensity", "system_warnings")
WHAT = ("--start-date", "2024-03-28", "--end-date", "2024-04-02")
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
# Within this many seconds a program that is asked to stop has stopped.
PATIENCE = 15.0


def text_of(column: Column) -> str:
    """SQL for a column's value as text."""
    return f"TO_JSON_STRING({column.name})" if column.type == "JSON" else f"CAST({column.name} AS STRING)"


@dataclass
class End:
    """What a bucket and a dataset hold. staging: tables left behind, with when they vanish."""

    objects: dict[str, tuple[str, str, str]]
    tables: dict[str, tuple[Any, ...]]
    staging: dict[str, datetime | None]


@dataclass
class Story:
    """One trial: what was killed how, and what was not as it should be afterwards."""

    program: str
    kills: list[str] = field(default_factory=list)
    moments: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    staging: int = 0

    def __str__(self) -> str:
        ending = "; ".join(self.wrong) or f"survived ({self.staging} staging tables left to expire)"
        return f"{self.program}: {', '.join(self.moments) or 'no kill'}: {ending}"


class Ground:
    """Emulators, the stand-in, a counting proxy before each, and the programs in a folder of their own.

    keys, what, max_days: what the programs collect, of which days, and the most days of a request; within: seconds in which
    one of them has to end.
    """

    def __init__(
        self, folder: Path, keys: Sequence[str] = KEYS, max_days: int = 2, what: Sequence[str] = WHAT, within: float = 240
    ) -> None:  # fmt: skip
        self.folder, self.keys, self.max_days, self.what, self.within = folder, keys, max_days, what, within
        self.cloud = LocalCloud(folder / "cloud", PROJECT, "unused-bucket", "unused")
        self.api = ApiStandin(gaps=False)
        self._count, self._lock = 0, threading.Lock()
        self._target: tuple[int, Any] | None = None
        self._totals: dict[str, int] = {}

    def __enter__(self) -> Ground:
        self.cloud.start()
        self.api.start()
        self.proxies = {
            name: CloudProxy(url).__enter__()
            for name, url in (("storage", self.cloud.storage_url), ("bigquery", self.cloud.bigquery_url), ("api", self.api.base))
        }
        for proxy in self.proxies.values():
            proxy.before = self._on_request
        credentials = Credentials(self.cloud.token)
        self.storage = storage.Client(PROJECT, credentials, client_options={"api_endpoint": self.cloud.storage_url})
        self.bq = bigquery.Client(PROJECT, credentials, client_options={"api_endpoint": self.cloud.bigquery_url})
        self._copy_programs()
        reference = self.place()
        for program in (DOWNLOADER, LOADER):
            with self._lock:
                self._count = 0
            code, output, _ = self.run(program, reference)
            assert code == 0, output
            self._totals[program] = self._count
        self._totals[DEPLOY] = sum(self._totals.values()) + 20
        self.reference = self.end(reference)
        assert self.what != WHAT or len(self.reference.objects) == 6 * len(self.keys)
        assert not self.reference.staging
        return self

    def __exit__(self, *exc: object) -> None:
        for proxy in self.proxies.values():
            proxy.__exit__(*exc)
        self.api.stop()
        self.cloud.stop()

    def _copy_programs(self) -> None:
        self.programs = self.folder / "the programs"
        shutil.copytree(ROOT / "collector", self.programs / "collector", ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("datasets_config.py", DOWNLOADER, LOADER, DEPLOY, "requirements.lock"):
            shutil.copy(ROOT / name, self.programs)
        # The deploy script's own virtual environment is the one that runs the tests.
        venv = self.programs / ".venv"
        venv.mkdir()
        for part in Path(sys.prefix).iterdir():
            if part.name != ".complete":
                (venv / part.name).symlink_to(part)
        digest = sha256((ROOT / "requirements.lock").read_bytes()).hexdigest()
        (venv / ".complete").write_text(f"{sys.version_info[0]}.{sys.version_info[1]} {digest}\n")

    def place(self) -> str:
        """A new bucket and dataset; their common name."""
        name = f"place_{uuid.uuid4().hex[:8]}"
        for url, body in (
            (f"{self.cloud.storage_url}/storage/v1/b?project={PROJECT}", {"name": name}),
            (
                f"{self.cloud.bigquery_url}/bigquery/v2/projects/{PROJECT}/datasets",
                {"datasetReference": {"projectId": PROJECT, "datasetId": name}, "location": "europe-west2"},
            ),
        ):
            status, text = self.cloud.request("POST", url, body)
            assert status == 200, text
        return name

    def start(self, program: str, place: str, **more: str) -> subprocess.Popen[str]:
        """A program over the range, in a process group of its own. more: environment variables."""
        (self.folder / "tmp").mkdir(exist_ok=True)
        env = {
            "PATH": os.environ["PATH"], "HOME": str(self.folder), "PYTHONWARNINGS": "ignore::FutureWarning",
            "TMPDIR": str(self.folder / "tmp"), "BMRS_HTTP_TIMEOUT": "5",
            "BMRS_PROJECT": PROJECT, "BMRS_BUCKET": place, "BMRS_DATASET": place,
            "LOCAL_CLOUD_TOKEN": self.cloud.token,
            "STORAGE_EMULATOR_HOST": self.proxies["storage"].url, "BIGQUERY_EMULATOR_HOST": self.proxies["bigquery"].url,
            "ELEXON_BASE_URL": self.api.elexon_url.replace(self.api.base, self.proxies["api"].url),
            "CARBON_INTENSITY_BASE_URL": self.api.carbon_url.replace(self.api.base, self.proxies["api"].url),
            "NESO_PORTAL_BASE_URL": self.api.neso_url.replace(self.api.base, self.proxies["api"].url),
        }  # fmt: skip
        command = [sys.executable] if program != DEPLOY else ["bash"]
        few = ("--max-days", str(self.max_days)) if program != LOADER else ()
        return subprocess.Popen(
            [*command, str(self.programs / program), *self.what, *few, "--datasets", *self.keys], env=env | more, cwd=self.folder,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip

    def run(self, program: str, place: str, **more: str) -> tuple[int, str, float]:
        """To its end: exit code, output, seconds."""
        began = time.monotonic()
        process = self.start(program, place, **more)
        output, _ = process.communicate(timeout=self.within)
        return process.returncode, output, time.monotonic() - began

    def _on_request(self, _asked: object) -> None:
        with self._lock:
            self._count += 1
            if self._target and self._count >= self._target[0]:
                strike, self._target = self._target[1], None
                strike()

    def killed(self, program: str, place: str, number: int, how: signal.Signals, whole_group: bool) -> tuple[int, str, float | None]:
        """A run that gets a signal at its request `number`. Exit code, output, seconds from the signal to its end."""
        process = self.start(program, place)
        struck: list[float] = []

        def strike() -> None:
            struck.append(time.monotonic())
            try:
                if whole_group:
                    os.killpg(process.pid, how)
                else:
                    process.send_signal(how)
            except ProcessLookupError:
                struck.clear()

        with self._lock:
            self._count, self._target = 0, (number, strike)
        # A killed shell's children may live on, and write where nobody reads any more.
        output = ""
        try:
            output, _ = process.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output = "it did not end"
        finally:
            with self._lock:
                self._target = None
        return process.returncode, output, time.monotonic() - struck[0] if struck else None

    def trial(self, seed: int) -> Story:
        """One program of the three, killed up to three times, then run to its end; compared with the reference."""
        dice = random.Random(seed)
        program = (DOWNLOADER, LOADER, DEPLOY)[seed % 3]
        story, place = Story(program), self.place()
        if program == LOADER:
            self.run(DOWNLOADER, place)
        for _ in range(dice.randint(1, 3)):
            number, how = dice.randint(1, self._totals[program]), dice.choice(SIGNALS)
            whole_group = how is signal.SIGKILL and dice.random() < 0.5
            code, output, seconds = self.killed(program, place, number, how, whole_group)
            if seconds is None:
                continue
            story.kills.append(f"{program} {how.name}")
            story.moments.append(f"{how.name} at request {number}")
            self._judge(story, how, code, output, seconds)
        for _ in range(2):
            code, output, _seconds = self.run(program, place)
        if code:
            story.wrong.append(f"the run after it ended with {code}: {output[-1_500:]}")
        if program == DOWNLOADER:
            self.run(LOADER, place)
        self._compare(story, self.end(place))
        return story

    @staticmethod
    def _judge(story: Story, how: signal.Signals, code: int, output: str, seconds: float) -> None:
        if how is signal.SIGKILL:
            return
        wanted = 128 + how
        if code not in (wanted, 0):
            story.wrong.append(f"exit code {code} after {how.name}: {output[-1_000:]}")
        if seconds > PATIENCE:
            story.wrong.append(f"{seconds:.0f} s from {how.name} to the end")
        if code == wanted and not re.search("stopped|Stopped", output):
            story.wrong.append(f"nothing said after {how.name}: {output[-500:]}")
        if "Traceback" in output:
            story.wrong.append(f"a traceback: {output[-2_000:]}")

    def _compare(self, story: Story, end: End) -> None:
        story.wrong += self.differences(end)
        story.staging = len(end.staging)
        latest = datetime.now(timezone.utc) + timedelta(hours=6)
        for name, expires in end.staging.items():
            if expires is None or expires > latest:
                story.wrong.append(f"{name} is there until {expires}")

    def differences(self, end: End) -> list[str]:
        """What objects and tables hold that the undisturbed run's do not, or the other way about."""
        wrong = []
        if end.objects != self.reference.objects:
            differing = {name for name in {*end.objects, *self.reference.objects} if end.objects.get(name) != self.reference.objects.get(name)}
            wrong.append(f"objects differ: {sorted(differing)}")
        if end.tables != self.reference.tables:
            wrong.append(f"tables differ: {end.tables} {self.reference.tables}")
        return wrong

    def end(self, place: str) -> End:
        """What is in the place, superseded objects included; of tables the number and a checksum of all their rows."""
        # A file's name has the instant of its fetch.
        objects = {re.sub(r"/files/(.*/)\d{8}T\d{6}Z-", r"/files/\1", b.name): content_of(b) for b in self.storage.list_blobs(place)}
        found: dict[str, tuple[Any, ...]] = {}
        tables = [self.bq.get_table(t.reference) for t in self.bq.list_tables(f"{PROJECT}.{place}")]
        there = {table.table_id for table in tables}
        for key in self.keys:
            if REGISTRY[key].table not in there:
                continue
            columns = ", ".join(f"IFNULL({text_of(c)}, '-')" for c in REGISTRY[key].columns)
            sql = (
                "SELECT COUNT(*), COUNT(DISTINCT row_text), TO_HEX(MD5(STRING_AGG(row_text, '' ORDER BY row_text))) FROM "
                f"(SELECT TO_HEX(MD5(CONCAT({columns}))) AS row_text FROM `{PROJECT}.{place}.{REGISTRY[key].table}`)"
            )
            (found[key],) = (tuple(row.values()) for row in self.bq.query_and_wait(sql))
        return End(objects, found, {t.table_id: t.expires for t in tables if t.table_id.startswith("collector_staging_")})


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    with Ground(tmp_path_factory.mktemp("ground")) as made:
        yield made


@pytest.mark.emulators
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_killed_and_run_again(ground: Ground, seed: int) -> None:
    story = ground.trial(seed)
    assert not story.wrong, story


@pytest.mark.emulators
@pytest.mark.parametrize(
    ("program", "service", "how"),
    [
        (DOWNLOADER, "api", signal.SIGINT), (DOWNLOADER, "storage", signal.SIGTERM),
        (LOADER, "storage", signal.SIGINT), (LOADER, "bigquery", signal.SIGTERM),
    ],
)  # fmt: skip
def test_a_signal_ends_a_program_that_waits_for_silence(ground: Ground, program: str, how: signal.Signals, service: str) -> None:
    """Whatever the program waits for does not answer; it ends within seconds all the same, and says how to go on."""
    place, proxy = ground.place(), ground.proxies[service]
    if program == LOADER:
        ground.run(DOWNLOADER, place)
    silent = threading.Event()

    def rule(asked: Any) -> str:
        if silent.is_set() or asked.kind in ("object", "dataset"):
            return ""
        threading.Timer(0.5, process.send_signal, [how]).start()
        silent.set()
        return "hang"

    proxy.hang_seconds, proxy.rule = 60.0, rule
    began = time.monotonic()
    process = ground.start(program, place)
    try:
        output, _ = process.communicate(timeout=60)
    finally:
        proxy.rule = lambda _asked: ""
    assert silent.is_set()
    assert process.returncode == 128 + how, output
    assert time.monotonic() - began < PATIENCE
    assert "DATASET" in output
    assert "the same command again goes on" in output


@pytest.mark.emulators
@pytest.mark.parametrize(("program", "service"), [(DOWNLOADER, "storage"), (LOADER, "storage"), (LOADER, "bigquery")])
def test_a_service_that_is_not_there_is_one_line(ground: Ground, program: str, service: str) -> None:
    place, proxy = ground.place(), ground.proxies[service]
    proxy.rule = lambda _asked: "close"
    try:
        code, output, seconds = ground.run(program, place)
    finally:
        proxy.rule = lambda _asked: ""
    assert code == 2
    assert seconds < 40
    assert len(output.splitlines()) == 1, output
    assert "cannot be reached" in output


@pytest.mark.emulators
@pytest.mark.parametrize("program", [DOWNLOADER, LOADER])
def test_output_that_cannot_be_written_is_one_line(ground: Ground, program: str) -> None:
    place = ground.place()
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("needs /dev/full")
    env = {"PATH": os.environ["PATH"], "HOME": str(ground.folder), "BMRS_PROJECT": PROJECT, "BMRS_BUCKET": place, "BMRS_DATASET": place,
           "LOCAL_CLOUD_TOKEN": ground.cloud.token, "STORAGE_EMULATOR_HOST": ground.cloud.storage_url, "BIGQUERY_EMULATOR_HOST": ground.cloud.bigquery_url}  # fmt: skip
    with full.open("w") as nowhere:
        ran = subprocess.run(
            [sys.executable, str(ground.programs / program), *WHAT, "--datasets", *KEYS, "--dry-run", "--quiet"], env=env,
            stdout=nowhere, stderr=subprocess.PIPE, text=True, timeout=60,
        )  # fmt: skip
    assert ran.returncode == 1
    assert len(ran.stderr.splitlines()) == 1, ran.stderr
