"""The deploy script's own logic: everything that it starts is a stand-in that records how it was called.

Each test has a project folder (with a space in its name), a HOME and a PATH of its own. On that PATH are the
system tools that the script may use, as links, and a `python3` and a `gcloud` that are stand-ins.
"""

from __future__ import annotations

import compileall
import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from conftest import drawn_on

from collector import deploy
from collector import environment as making
from collector.base.names import VERSION
from collector.settings import SETTINGS
from datasets_config import DEFAULT_DATASETS

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = "deploy_data_collectors.sh"
DOWNLOADER = "enhanced_elexon_neso_downloader.py"
LOADER = "enhanced_bigquery_loader.py"
TOOLS = (
    "basename", "bash", "cat", "cksum", "date", "dirname", "env", "grep", "head", "ln", "mkdir", "mkfifo", "mktemp", "mv",
    "readlink", "rm", "sed", "sleep", "tail", "tee",
)  # fmt: skip
VALUED = (
    "--start-date", "--end-date", "--datasets", "--project", "--bucket", "--dataset-id", "--max-days",
    "--max-workers", "--parallel",
)  # fmt: skip
# What is built in counts there only when somebody has said so.
REAL_CLOUD = {
    "STORAGE_EMULATOR_HOST": "", "BIGQUERY_EMULATOR_HOST": "", "BMRS_PROJECT": "jibber-jabber-knowledge", "BMRS_BUCKET": "jibber-jabber-knowledge-bmrs-data",
}  # fmt: skip

# Plays every Python program that the script starts. What it shall do comes from plan.json: a key such as
# "enhanced_bigquery_loader.py --verify demand_outturn" -> {"say", "answer", "exit", "sleep", ...}.
STAND_IN = r"""
import json, os, pathlib, signal, sys, time
real, me, *args = sys.argv[1:]
box = pathlib.Path(os.environ["STAND_IN"])

def record(name):
    with open(box / "calls", "a") as file:
        file.write(json.dumps([name, *args]) + "\n")

def value(flag, default=""):
    return args[args.index(flag) + 1] if flag in args else default

def play(key):
    part = json.loads((box / "plan.json").read_text()).get(key, {})
    if "deaf" in part:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if "last_words" in part:
        def stop(number, _frame):
            print(part["last_words"], number, file=sys.stderr)
            os._exit(128 + number)
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is not signal.SIG_IGN:  # what is ignored at the start stays ignored
                signal.signal(number, stop)
    if "say" in part:
        print(os.path.expandvars(part["say"]), file=sys.stderr, flush=True)
    if part:
        (box / "started").touch()
    time.sleep(part.get("sleep", 0))
    while "until" in part and not (box / part["until"]).exists():
        time.sleep(0.02)
    if "answer" in part:
        print(part["answer"])
    if "nothing_stored" in part:
        pathlib.Path(os.environ["COLLECTOR_NOTHING_STORED"]).touch()
    if "kill" in part:
        os.kill(os.getpid(), part["kill"])
    return part

def make(name, program):
    record(name)
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(pathlib.Path(me).read_text())
    program.chmod(0o755)
    sys.exit(play(name).get("exit", 0))

if args[:3] == ["-I", "-m", "venv"]:
    make("venv", pathlib.Path(args[-1]) / "bin/python")
if args[0] == "venv":
    make("uv", pathlib.Path(args[-1]) / "bin/python")
if args[:2] == ["pip", "install"]:
    record("uv")
    sys.exit(play("uv").get("exit", 0))
if args[:3] == ["-I", "-m", "pip"]:
    if args[-1].endswith("/uv.lock"):
        make("pip", pathlib.Path(args[-3]) / "bin/uv")
    record("pip")
    sys.exit(play("pip").get("exit", 0))
if args[:2] == ["-I", "-c"] and "ensurepip" in args[2] and "find_spec" in args[2]:
    print("%d.%d" % sys.version_info[:2])
    print(*({"venv", "ensurepip", "pip"} - set(play("parts").get("without", "").split())))
    sys.exit()
if args[:2] == ["-I", "-c"] and "google.auth" in args[2]:
    record("google.auth.default")
    sys.exit(play("google.auth").get("exit", 1))
if args[0] == "-I":
    os.execv(real, [real, *args])
if "collector.deploy" in args:  # the real one, but for what it shall refuse
    command = [real, *args]
    question, *args = args[args.index("collector.deploy") + 1 :]
    if question == "plan":
        record("plan")
        part = play("plan")
        if "exit" in part:
            sys.exit(part["exit"])
    os.execv(real, command)
if args[:2] == ["-m", "collector.demo"]:
    args = args[1:]
name = os.path.basename(args.pop(0))
record(name)
if name == "local_cloud.py" and args == ["setup"]:
    sys.exit(play("local_cloud.py setup").get("exit", 0))
elif name == "local_cloud.py":
    os.environ.update(STORAGE_EMULATOR_HOST="http://127.0.0.1:1", BIGQUERY_EMULATOR_HOST="http://127.0.0.1:2", LOCAL_CLOUD_TOKEN="t")
    command = args[args.index("--") + 1 :]
    os.execvp(command[0], command)
elif name == "api_standin.py":
    command = args[args.index("--") + 1 :]
    os.execvp(command[0], command)
else:
    dataset = value("--datasets") if "--check-setup" not in args else ""
    modes = [flag for flag in ("--check-setup", "--check-source", "--dry-run", "--verify", "--report", "--update-views") if flag in args]
    part = play(" ".join([name, *modes, *([dataset] if dataset else [])]))
    if "--verify" in args and "answer" not in part:
        found = dict(dataset=dataset, days_expected=3, days_stored=3, days_loaded=3, rows_stored=4321,
                     rows_loaded=4321, missing_days=[], short_days=[], provisional_days=0, ok=True)
        found.update(part.get("found", {}))
        print(json.dumps({"datasets": [found], "ok": found["ok"]}, indent=1))
        if "page" in part:
            pathlib.Path(value("--report")).write_text(part["page"])
    elif not modes:
        print(name + " worked on " + dataset)
    sys.exit(part.get("exit", 0))
"""


@dataclass
class Project:
    """A project folder with the script and stand-ins for all that it starts."""

    top: Path
    root: Path
    env: dict[str, str]
    plan: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def box(self) -> Path:
        return self.top / "box"

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        (self.box / "plan.json").write_text(json.dumps(self.plan))
        (self.box / "calls").write_text("")
        (self.box / "started").unlink(missing_ok=True)
        command = options.pop("command", [str(self.root / SCRIPT)])
        settings: dict[str, Any] = {
            "env": self.env, "cwd": self.top, "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE, "stderr": subprocess.PIPE,
        }  # fmt: skip
        return subprocess.Popen([*command, *arguments], text=True, **{**settings, **options})

    def run(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments, **options)
        out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def calls(self) -> list[list[str]]:
        return [json.loads(line) for line in (self.box / "calls").read_text().splitlines()]

    def called(self, name: str, flag: str = "") -> list[list[str]]:
        """The arguments of the calls of `name`; with a flag, of those that have it."""
        return [call[1:] for call in self.calls() if call[0] == name and (not flag or flag in call)]

    def chain(self) -> list[str]:
        """The work done, as "downloader KEY", "loader KEY", "verify KEY"."""
        steps = []
        for name, *arguments in self.calls():
            if name in (DOWNLOADER, LOADER) and not {"--check-setup", "--check-source", "--report", "--update-views"} & set(arguments):
                step = "verify" if "--verify" in arguments else "download" if name == DOWNLOADER else "load"
                steps.append(f"{step} {arguments[arguments.index('--datasets') + 1]}")
        return steps

    def run_on_terminal(self, *arguments: str) -> tuple[str, int]:
        """What a terminal gets to see, and the exit code."""
        ours, terminal = os.openpty()
        process = self.start(*arguments, env=self.env | {"TERM": "xterm"}, stdout=terminal, stderr=terminal)
        os.close(terminal)
        return drawn_on(ours), process.wait(timeout=60)

    def logs(self, pattern: str = "*.log") -> list[Path]:
        return sorted((self.root / "logs").glob(pattern))

    def log(self, pattern: str = "deployment_*.log") -> str:
        (path,) = self.logs(pattern)
        return path.read_text()

    def files(self) -> dict[str, bytes]:
        return {str(p.relative_to(self.root)): p.read_bytes() for p in self.root.rglob("*") if p.is_file()}

    def wait_until_started(self) -> None:
        """Until the first stand-in with a plan is under way."""
        _eventually((self.box / "started").exists)


def _eventually(condition: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The executable that plays Python; beside it what a project consists of, compiled."""
    folder = tmp_path_factory.mktemp("stand in")
    shutil.copytree(ROOT / "collector", folder / "project/collector", ignore=shutil.ignore_patterns("__pycache__"))
    for name in (SCRIPT, DOWNLOADER, "datasets_config.py"):
        shutil.copy(ROOT / name, folder / "project")
    compileall.compile_dir(folder / "project", quiet=1)
    program = folder / "program.py"
    program.write_text(STAND_IN)
    _executable(folder / "python", f'exec "{sys.executable}" -I "{program}" "{sys.executable}" "$0" "$@"')
    return folder / "python"


def _new_project(top: Path, stand_in: Path) -> Project:
    root, box, tools, home = (top / name for name in ("data collectors", "box", "tools", "home"))
    for folder in (box, tools, home, top / "tmp"):
        folder.mkdir()
    shutil.copytree(stand_in.parent / "project", root)
    (root / "requirements.lock").write_text("requests==2.32.5\n")
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found, tool
        (tools / tool).symlink_to(found)
    (tools / "python3").symlink_to(stand_in)
    env = {
        "PATH": str(tools),
        "HOME": str(home),
        "TMPDIR": str(top / "tmp"),
        "STAND_IN": str(box),
        "STORAGE_EMULATOR_HOST": "http://127.0.0.1:1",
        "BIGQUERY_EMULATOR_HOST": "http://127.0.0.1:2",
    }
    return Project(top, root, env)


@pytest.fixture
def bare(tmp_path: Path, stand_in: Path) -> Project:
    """A project on a fresh machine: no virtual environment yet."""
    return _new_project(tmp_path, stand_in)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory, stand_in: Path) -> Path:
    """A virtual environment as the script makes it."""
    maker = _new_project(tmp_path_factory.mktemp("maker"), stand_in)
    made = maker.run("--dry-run", "--datasets", "frequency")
    assert made.returncode == 0, made.stderr
    return maker.root / ".venv"


@pytest.fixture
def project(bare: Project, environment: Path) -> Iterator[Project]:
    """A project whose virtual environment is ready. Temporary files that a run leaves behind are an error."""
    shutil.copytree(environment, bare.root / ".venv")
    yield bare
    assert list((bare.top / "tmp").iterdir()) == []


def _executable(path: Path, body: str) -> None:
    path.write_text(f"#!{shutil.which('bash')}\n{textwrap.dedent(body)}\n")
    path.chmod(0o755)


def _one_line(result: subprocess.CompletedProcess[str]) -> str:
    """The script's complaint: one line on stderr that begins with its name."""
    assert re.fullmatch(rf"{SCRIPT}: [^\n]+\n", result.stderr), result.stderr
    return result.stderr


# ------------------------------------------------------------------------------------------- the chain
def test_each_dataset_is_downloaded_loaded_and_verified_in_turn(project: Project) -> None:
    result = project.run(
        "--datasets", "frequency", "demand_outturn", "--start-date", "2024-03-30", "--end-date=2024-04-01",
        "--max-days", "3", "--max-workers=2", "--bucket", "my-bucket", "--parallel", "1",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    assert project.chain() == [f"{step} {key}" for key in ("frequency", "demand_outturn")
                               for step in ("download", "load", "verify")]  # fmt: skip
    dates = "--end-date 2024-04-01 --start-date 2024-03-30"
    where = "--project jibber-jabber-knowledge --bucket my-bucket --dataset-id uk_energy_prod"
    assert (
        " ".join(project.called(DOWNLOADER)[1]) == f"--datasets frequency {dates} {where} --max-workers 2 --max-days 3"
    )
    assert " ".join(project.called(LOADER)[1]) == f"--datasets frequency {dates} {where} --max-workers 2"
    stamp = project.logs("deployment_*.log")[0].stem.removeprefix("deployment_")
    cheap = f"--verify --quiet --counts-only --without-source --since {stamp} --output json"
    assert " ".join(project.called(LOADER)[2]) == f"{cheap} --datasets frequency {dates} {where}"
    assert re.search(r"^frequency +3/3 +4,321 +ok +\d+$", project.log(), re.MULTILINE)
    assert re.findall(r"^\[\d/\d\].*", result.stdout, re.MULTILINE) == [
        f"[{n}/2] {key:14}  ok  {took} s  3/3 days, 4,321 rows"
        for n, key in enumerate(("frequency", "demand_outturn"), 1)
        for took in re.findall(rf"{key} +ok +(\d+) s", result.stdout)
    ]
    assert len(result.stdout.splitlines()) <= 13 and "verify" not in result.stdout
    assert "All 2 datasets verified." in result.stdout


def test_the_views_are_made_once_after_the_last_dataset(project: Project) -> None:
    project.plan[f"{LOADER} --update-views"] = {"exit": 1, "answer": "2 views made: a, b\nc: left out, needs t\nd: refused\n"}
    result = project.run("--datasets", "frequency", "demand_outturn", "--parallel", "1")
    (call,) = project.called(LOADER, "--update-views")
    assert call == ["--update-views", "--quiet", "--project", "jibber-jabber-knowledge", "--bucket", "jibber-jabber-knowledge-bmrs-data", "--dataset-id", "uk_energy_prod"]
    order = [arguments for name, *arguments in project.calls() if name == LOADER]
    assert "--report" in order[order.index(call) + 1] and "demand_outturn" in order[order.index(call) - 1]
    # A view that is refused is told and fails the run; one that lacks its tables is no fault.
    assert result.returncode == 1
    assert "Views: d: refused" in result.stdout and "left out" not in result.stdout.replace("left out     ", "")
    project.run("--verify-only", "--datasets", "frequency")
    assert project.called(LOADER, "--update-views") == []


def test_no_argument_is_all_eleven_from_their_first_day_to_today(project: Project) -> None:
    before = datetime.now(ZoneInfo("Europe/London")).date().isoformat()
    project.plan[f"{LOADER} market_index"] = {"say": "DATASET  SETTLED  LOADED  FAILED\nmarket_index  4  2  0"}
    result = project.run()
    after = datetime.now(ZoneInfo("Europe/London")).date().isoformat()
    assert result.returncode == 0
    assert sorted(project.chain()) == sorted(f"{step} {key}" for key in DEFAULT_DATASETS for step in ("download", "load", "verify"))
    # And is told in a line each, with little around them.
    assert len(re.findall(r"^\[ ?\d+/11\] \w+ +ok ", result.stdout, re.MULTILINE)) == 11
    assert re.search(r"^\[ 8/11\] market_index +ok  \d+ s  3/3 days \(2 new\), 4,321 rows$", result.stdout, re.MULTILINE)
    assert len(result.stdout.splitlines()) < 25
    ends = {call[call.index("--end-date") + 1] for call in project.called(LOADER, "--datasets")}
    assert len(ends) == 1 and ends <= {before, after}
    assert not any("--start-date" in call for call in project.calls())


@pytest.mark.parametrize("width", [60, 80, 140])
def test_a_terminals_lines_are_no_wider_than_it_is(project: Project, width: int) -> None:
    key = "balancing_services_disaggregated"
    project.env["COLUMNS"] = str(width)
    project.plan[f"{DOWNLOADER} {key}"] = {"say": "\x1e" + "far " * 50}
    project.plan[f"{LOADER} --verify {key}"] = {"exit": 1, "found": {"ok": False, "missing_days": ["2024-03-30"]}}
    output, _ = project.run_on_terminal("--datasets", key, "frequency", "--parallel", "1")
    output = re.sub(r"\x1b\[\d*[AJK]", "", output)
    live = [line for line in re.split(r"[\r\n]+", output) if "far far" in line]
    (told,) = [line for line in output.splitlines() if line.startswith("[1/2]")]
    for line in (*live, told):
        assert width - 20 < len(re.sub(r"\x1b\[\d*[mK]", "", line)) <= width, line
    assert live and "\x1b[31mverify failed\x1b[0m" in told
    assert re.search(r"\[2/2\] frequency +\x1b\[32mok\x1b\[0m ", output)
    project.env["NO_COLOR"] = "1"
    assert not re.search(r"\x1b\[3\d?m", project.run_on_terminal("--datasets", key, "frequency")[0])


def test_the_programs_are_told_how_far_the_run_is(project: Project) -> None:
    for step in (DOWNLOADER, LOADER):
        for key in ("frequency", "fuel_instructions"):
            project.plan[f"{step} {key}"] = {"say": f"{step} {key} $COLLECTOR_WHOLE"}
    which = ("--datasets", "frequency", "fuel_instructions", "--start-date", "2024-01-01", "--end-date", "2024-01-02")
    project.run(*which, "--parallel", "1")
    found = re.findall(r"^enhanced_\w+\.py \w+ (\d+) (\d+) (\d+)$", project.log(), re.MULTILINE)
    assert len({began for began, _, _ in found}) == 1
    low = [int(low) for _, low, _ in found]
    high = [int(high) for _, _, high in found]
    assert low == [0, *high[:-1]] and low == sorted(low) and 999 <= high[-1] <= 1001
    assert high[1] < 400, "there is less of the first"


def test_logs_hold_what_was_shown(project: Project) -> None:
    project.plan[f"{DOWNLOADER} frequency"] = {"say": "fetched window 1"}
    project.plan[f"{LOADER} frequency"] = {"say": "load job 1"}
    result = project.run("--datasets", "frequency", "--verbose")
    names = [path.name for path in project.logs()]
    stamp = names[0][len("deployment_") : -len(".log")]
    assert re.fullmatch(r"\d{8}_\d{6}", stamp)
    assert names == [
        f"deployment_{stamp}.log",
        f"download_frequency_{stamp}.log",
        f"load_frequency_{stamp}.log",
    ]
    assert project.log() == result.stdout
    download, load = project.log("download_*"), project.log("load_*")
    assert "fetched window 1" in download and f"{DOWNLOADER} worked on frequency" in download
    assert "load job 1" in load and '"rows_loaded": 4321' in load and "load job 1" not in download


def test_the_log_of_the_newest_run_has_a_name_of_its_own(project: Project) -> None:
    latest = project.root / "logs/latest"
    project.plan[f"{LOADER} --verify --report frequency"] = {"page": "<!doctype html>"}
    for count in (1, 2):
        project.run("--datasets", "frequency")
        assert len(project.logs("deployment_*.log")) == count
        assert latest.resolve() == project.logs("deployment_*.log")[-1]
        assert latest.with_suffix(".html").resolve() == project.logs("coverage_*.html")[-1]
    assert latest.is_symlink() and not list((project.root / "logs").glob(".latest*"))


def test_what_stands_in_the_place_of_that_name_stops_nothing(project: Project) -> None:
    (project.root / "logs/latest").mkdir(parents=True)
    result = project.run("--datasets", "frequency")
    assert (result.returncode, result.stderr) == (0, "")
    assert not list((project.root / "logs/latest").iterdir())


def test_a_run_ends_with_one_coverage_report(project: Project) -> None:
    out = project.run("--datasets", "frequency", "market_index", "--start-date", "2024-01-01").stdout
    (call,) = project.called(LOADER, "--report")
    page = call[call.index("--report") + 1]
    assert re.fullmatch(re.escape(str(project.root / "logs")) + r"/coverage_\d{8}_\d{6}\.html", page)
    assert project.logs("deployment_*.log")[0].name.removeprefix("deployment_").removesuffix(".log") in page
    assert " ".join(call).startswith("--verify --output json --report ") and "--start-date 2024-01-01" in " ".join(call)
    assert call[call.index("--datasets") + 1 :][:2] == ["frequency", "market_index"]
    assert call[call.index("--outcomes") + 1].startswith(str(project.top / "tmp")), "how long each step took stands there"
    assert shlex.split(call[call.index("--chain") + 1]) == [str(project.root / "deploy_data_collectors.sh")], "what a reader may paste"
    assert "No coverage report could be written." in out, "the stand-in for the loader writes none"
    assert "All 2 datasets verified." in out


def test_the_last_check_reads_what_was_loaded_since_the_last_one_that_was_made(project: Project) -> None:
    """Since the start of this run, or of one that was cut off before its check; all, when nothing but checking is asked."""
    def since(*arguments: str) -> list[str]:
        project.run("--datasets", "frequency", *arguments)
        (call,) = project.called(LOADER, "--report")
        return call[call.index("--since") + 1 :][:1] if "--since" in call else []

    logs = project.root / "logs"
    logs.mkdir()
    for name in ("deployment_20240101_063000.log", "deployment_20240102_063000.log", "coverage_20240102_063000.html"):
        (logs / name).touch()
    this_run = since()
    assert this_run == [project.logs("deployment_*.log")[-1].stem.removeprefix("deployment_")]
    project.logs("deployment_*.log")[-1].unlink()
    (logs / "deployment_20240103_063000.log").touch()
    (logs / "deployment_20240104_063000.log").touch()
    assert since() == ["20240103_063000"], "the first of two that were cut off"
    assert since("--verify-only") == []


@pytest.mark.parametrize(
    ("key", "part", "status", "days"),
    [
        (f"{DOWNLOADER} frequency", {"exit": 1}, "download failed", "3/3"),
        (f"{LOADER} frequency", {"exit": 1}, "load failed", "3/3"),
        (
            f"{LOADER} --verify frequency",
            {"exit": 1, "found": {"days_loaded": 2, "ok": False}},
            "verify failed",
            "2/3",
        ),
        (f"{LOADER} --verify frequency", {"exit": 0, "found": {"ok": False}}, "verify failed", "3/3"),
        (f"{LOADER} --verify frequency", {"exit": 1}, "verify failed", "3/3"),
        (f"{LOADER} --verify frequency", {"answer": '{"datasets": ['}, "verify failed", "-"),
        (f"{LOADER} --verify frequency", {"answer": ""}, "verify failed", "-"),
        (f"{DOWNLOADER} frequency", {"kill": 9}, "download failed", "3/3"),
    ],
)
def test_a_failure_is_told_and_stops_nothing_else(
    project: Project, key: str, part: dict[str, Any], status: str, days: str
) -> None:
    project.plan[key] = part
    result = project.run("--datasets", "frequency", "market_index")
    assert result.returncode == 1
    assert len(project.chain()) == 6, "load and verify follow a failed download, and so does the other dataset"
    assert re.search(rf"^frequency +{days} +\S+ +{status} +\d+$", project.log(), re.MULTILINE), result.stdout
    assert re.search(r"^market_index +3/3 +4,321 +ok +\d+$", project.log(), re.MULTILINE)
    assert "1 of 2 datasets failed" in result.stdout and "The same command again" in result.stdout
    assert ("out of memory" in result.stdout) == ("kill" in part)


def test_a_dataset_that_is_behind_its_source_has_failed(project: Project) -> None:
    """That shows only in the last check, for the source is asked once for all datasets."""
    project.plan[f"{LOADER} --verify --report frequency"] = {"exit": 1, "found": {"ok": False}, "say": "behind source: 2024-03-30"}
    result = project.run("--datasets", "frequency", "market_index")
    assert result.returncode == 1
    assert re.search(r"^frequency +3/3 +4,321 +verify failed +\d+$", project.log(), re.MULTILINE), result.stdout
    assert re.search(r"^market_index +3/3 +4,321 +ok +\d+$", project.log(), re.MULTILINE)
    assert "1 of 2 datasets failed" in result.stdout and "behind source: 2024-03-30" in project.log()


def test_a_terminal_shows_live_lines_that_no_log_keeps(project: Project) -> None:
    project.plan[f"{DOWNLOADER} frequency"] = {"say": "first line\n\x1efrequency: 1 of 3 days\n\x1efrequency: 2 of 3 days\nlast line"}
    output, code = project.run_on_terminal("--datasets", "frequency")
    assert code == 0
    assert "\rfrequency: 1 of 3 days\x1b[K\rfrequency: 2 of 3 days\x1b[K\r\x1b[K" in output and "last line" not in output
    log = project.log()
    assert "first line\nlast line\n" in log and "\x1b" not in log and "\x1e" not in log and "\r" not in log
    assert project.log("download_*").startswith("first line\nlast line\n")
    project.plan[f"{DOWNLOADER} frequency"] = {"say": "no terminal: $COLLECTOR_LIVE_LINES"}
    assert "\x1b" not in project.run("--datasets", "frequency").stdout


@pytest.mark.parametrize(("program", "steps"), [(DOWNLOADER, 1), (LOADER, 2)])
def test_a_set_up_that_has_gone_spares_the_dataset_the_rest(project: Project, program: str, steps: int) -> None:
    project.plan[f"{program} frequency"] = {"exit": 2, "say": f"{program}: Cloud Storage cannot be reached"}
    result = project.run("--datasets", "frequency", "market_index")
    assert result.returncode == 1
    assert len(project.chain()) == steps + 3
    assert re.search(r"^frequency +- +- +(download|load) failed ", project.log(), re.MULTILINE)
    assert "--demo" not in result.stdout, "it is not the API that cannot be reached"


def test_missing_short_and_provisional_days_are_told(project: Project) -> None:
    found = {
        "missing_days": ["2024-03-30", "2024-03-31"],
        "short_days": ["2024-04-01"],
        "provisional_days": 1,
        "ok": False,
    }
    project.plan[f"{LOADER} --verify frequency"] = {"exit": 1, "found": found}
    out = project.run("--datasets", "frequency").stdout + project.log()
    assert "4,321 in the bucket; 2 missing; 1 short at source; 1 provisional\n" in out


def test_an_unreachable_api_names_the_demo(project: Project) -> None:
    project.plan[f"{DOWNLOADER} frequency"] = {
        "exit": 1, "say": "the API at https://example.org cannot be reached; to try without internet: --demo",
    }  # fmt: skip
    result = project.run("--datasets", "frequency")
    assert result.returncode == 1
    assert "The API cannot be reached from here. To try the system without internet:" in result.stdout


def test_dry_run_only_asks_both_programs(project: Project) -> None:
    result = project.run("--dry-run", "--datasets", "frequency", "market_index")
    assert result.returncode == 0 and "nothing was changed" in result.stdout
    work = [call for call in project.calls() if "--datasets" in call and call[0] != "plan"]
    assert [call[0] for call in work] == [DOWNLOADER, LOADER] and all("--dry-run" in call for call in work)
    assert all("--datasets frequency market_index" in " ".join(call) for call in work)
    assert [path.name[:11] for path in project.logs()] == ["deployment_"]


def test_verify_only_changes_nothing(project: Project) -> None:
    project.plan[f"{LOADER} --verify frequency"] = {"exit": 1, "found": {"ok": False}}
    result = project.run("--verify-only", "--datasets", "frequency", "market_index")
    assert result.returncode == 1
    assert sorted(project.chain()) == ["verify frequency", "verify market_index"]


def test_a_terminal_that_goes_away_stops_nothing(project: Project) -> None:
    project.plan[f"{DOWNLOADER} frequency"] = {"sleep": 1, "say": "words " * 50}
    process = project.start("--datasets", "frequency")
    project.wait_until_started()
    assert process.stdout and process.stderr
    process.stdout.close()
    process.stderr.close()
    assert process.wait(timeout=60) == 0
    assert "words words" in project.log() and "The dataset is verified." in project.log()


def test_works_from_anywhere_through_a_link_and_leaves_api_env_unexecuted(project: Project) -> None:
    (project.root / "api.env").write_text("SHELL=$(touch pwned)\nBMRS_API_KEY=$(touch${IFS}pwned)\n")
    links = project.top / "bin"
    links.mkdir()
    (links / "collect").symlink_to("../data collectors/" + SCRIPT)
    result = project.run("--datasets", "frequency", command=[str(links / "collect")], cwd="/")
    assert result.returncode == 0, result.stderr
    assert len(project.logs()) == 3
    assert not list(project.top.rglob("pwned"))


def test_a_dataset_whose_outcome_was_lost_is_not_right(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The disk of the temporary files was full: a line is cut off, others are not there."""
    outcomes, coverage = tmp_path / "outcomes", tmp_path / "coverage"
    coverage.write_text('{"datasets": []}')
    whole = "frequency\tok\t60\t5\t1\t3/3\t4,321\tall is there\n"
    for text, keys, code, last in (
        (whole, ["frequency"], 0, "frequency +3/3 +4,321  ok +66"),
        (whole + "market_index\tok\t6", ["frequency", "market_index"], 1, "market_index +- +-  not started +-"),
    ):
        outcomes.write_text(text)
        asked = ["--outcomes", str(outcomes), "--coverage", str(coverage), "--logs", str(tmp_path), "--datasets", *keys]
        assert deploy.summary(asked) == code
        table = capsys.readouterr().out.partition("\n\n")[0]
        assert re.fullmatch(last, table.splitlines()[-1]), table


def test_sourced_the_script_lends_its_functions_and_does_nothing(bare: Project) -> None:
    logs = bare.root / "logs"
    logs.mkdir()
    link = bare.top / "a link"
    link.symlink_to(f"{bare.root.name}/{SCRIPT}")
    calls = """source "$1"
        parse_arguments --demo --end-date=2023-03-26 --datasets a 'b c' --max-days 3
        printf '%s\\n' "$MODE" "$MAX_DAYS" "${GIVEN[@]}"
        script_path "$2"
        parse_arguments --dry-run --verify-only"""
    result = bare.run("-c", calls, "a test", str(bare.root / SCRIPT), str(link), command=[str(bare.top / "tools/bash")])
    assert result.returncode == 2 and "use either" in _one_line(result)
    assert result.stdout.splitlines() == [
        "demo", "3", "--end-date", "2023-03-26", "--datasets", "a", "b c", "--max-days", "3", "--demo", str(bare.root / SCRIPT),
    ]  # fmt: skip
    assert bare.calls() == [] and list(logs.iterdir()) == []


# ------------------------------------------------------------------------------------------- side by side
def test_several_datasets_are_worked_on_at_one_time(project: Project) -> None:
    project.plan[f"{DOWNLOADER} frequency"] = {"say": "first words", "until": "go", "answer": "last words"}
    process = project.start("--datasets", "frequency", "market_index", "wind_forecasts", "--parallel", "2", "--verbose")
    _eventually(lambda: "verify wind_forecasts" in project.chain())
    assert "load frequency" not in project.chain()
    (project.box / "go").touch()
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    for key in ("frequency", "market_index", "wind_forecasts"):
        assert [step for step in project.chain() if step.endswith(key)] == [f"{step} {key}" for step in ("download", "load", "verify")]
    # In whole blocks, as they end; the summary in the order asked.
    blocks = {block.split("] ")[1].split("\n")[0]: block for block in out.split("\n\n") if re.match(r"\S+ \S+ \[\d/3\] ", block)}
    assert next(iter(blocks)) == "market_index" and sorted(blocks) == ["frequency", "market_index", "wind_forecasts"]
    assert blocks["frequency"].splitlines()[1:4] == ["  download", "first words", "last words"]
    assert re.findall(r"^(\w+) +3/3 ", out, re.MULTILINE) == ["frequency", "market_index", "wind_forecasts"]
    assert project.log() == out and "first words" in project.log("download_frequency*")


def test_of_datasets_that_need_much_memory_one_is_worked_on_at_a_time(project: Project) -> None:
    project.plan[f"{DOWNLOADER} individual_generation"] = {"until": "go"}
    process = project.start("--datasets", "individual_generation", "bid_offer_data", "frequency")
    _eventually(lambda: "verify frequency" in project.chain())
    assert not any("bid_offer_data" in step for step in project.chain())
    (project.box / "go").touch()
    process.communicate(timeout=60)
    assert process.returncode == 0 and project.chain()[-1] == "verify bid_offer_data"


def test_what_has_nothing_to_do_is_spared_its_programs(project: Project) -> None:
    told = "3/3 4,321 yes 3 of 3 days loaded"
    project.plan[f"{LOADER} --check-setup"] = {
        "answer": f"frequency idle {told}\nmarket_index asks {told}\nwind_forecasts asks {told}\nsystem_warnings idle {told.replace('yes', 'no')}"
    }
    project.plan[f"{DOWNLOADER} market_index"] = {"nothing_stored": True}
    keys = ("frequency", "market_index", "wind_forecasts", "system_warnings", "demand_outturn")
    result = project.run("--datasets", *keys)
    assert result.returncode == 0
    steps = {key: [step.split()[0] for step in project.chain() if step.endswith(f" {key}")] for key in keys}
    whole = ["download", "load", "verify"]
    assert steps == {"frequency": [], "market_index": ["download"], "wind_forecasts": whole, "system_warnings": whole, "demand_outturn": whole}
    assert re.findall(r"^(\w+) +3/3 +4,321 +ok ", project.log(), re.MULTILINE) == [*keys]
    for log in ("download_frequency_*", "load_frequency_*", "load_market_index_*"):
        assert "frequency: 3 of 3 days loaded" in project.log(log) or "market_index: 3 of 3" in project.log(log)
    (call,) = project.called(LOADER, "--check-setup")
    assert call[:4] == ["--check-setup", "--survey", "run", "--since"]
    # Who wants all of it looked at by its own steps gets that.
    for flags, asked in ((["--parallel", "1"], []), (["--force"], []), (["--dry-run"], []), (["--verify-only"], ["--survey", "verify"])):
        project.run("--datasets", "frequency", *flags)
        (call,) = project.called(LOADER, "--check-setup")
        assert call[1:3] == (asked or call[1:3]) and ("--survey" in call) == bool(asked)


def test_a_download_that_fails_is_not_spared_the_rest(project: Project) -> None:
    project.plan[f"{LOADER} --check-setup"] = {"answer": "frequency asks 3/3 4,321 yes 3 of 3 days loaded"}
    project.plan[f"{DOWNLOADER} frequency"] = {"nothing_stored": True, "exit": 1}
    result = project.run("--datasets", "frequency")
    assert result.returncode == 1 and len(project.chain()) == 3


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_all_that_is_under_way(project: Project, how: signal.Signals) -> None:
    for key in ("frequency", "market_index"):
        project.plan[f"{DOWNLOADER} {key}"] = {"sleep": 30, "last_words": f"last words of {key}"}
    which = ("--datasets", "frequency", "market_index", "wind_forecasts", "--parallel", "2", "--verbose")
    process = project.start(*which, start_new_session=True)
    _eventually(lambda: len(project.chain()) == 2)
    project.wait_until_started()
    began = time.monotonic()
    os.killpg(process.pid, how)
    out, err = process.communicate(timeout=20)
    assert time.monotonic() - began < 8
    assert (process.returncode, err) == (128 + how, "")
    assert re.findall(r"^(\w+) +- +- +(stopped|not started) ", out, re.MULTILINE) == [
        ("frequency", "stopped"), ("market_index", "stopped"), ("wind_forecasts", "not started"),
    ]  # fmt: skip
    assert out.count("\nStopped. ") == 1 and f"{SCRIPT} {' '.join(which)}\n" in out
    assert len(project.chain()) == 2 and project.log() == out


def test_a_second_signal_ends_a_chain_whose_program_will_not(project: Project) -> None:
    project.plan[f"{DOWNLOADER} frequency"] = {"sleep": 60, "deaf": True}
    process = project.start("--datasets", "frequency", "market_index")
    _eventually(lambda: "verify market_index" in project.chain())
    project.wait_until_started()
    process.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(2.5)
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    out, _ = process.communicate(timeout=10)
    assert process.returncode == 130 and out.count("\nStopped. ") == 1 and time.monotonic() - began < 5


def test_chains_of_a_script_that_was_killed_begin_nothing_more(project: Project) -> None:
    project.plan[f"{DOWNLOADER} frequency"] = {"until": "go"}
    process = project.start("--datasets", "frequency", "market_index", start_new_session=True)
    _eventually(lambda: "verify market_index" in project.chain())
    process.kill()
    process.wait()
    (project.box / "go").touch()

    def has_ended() -> bool:
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return True
        return False

    _eventually(has_ended)
    process.communicate()
    assert "load frequency" not in project.chain()
    shutil.rmtree(project.top / "tmp")
    (project.top / "tmp").mkdir()


def test_a_chain_that_was_killed_has_failed(project: Project) -> None:
    """Whatever ends it, its dataset is not taken for one that is right, and the others go on."""
    project.plan[f"{DOWNLOADER} frequency"] = {"until": "go"}
    process = project.start("--datasets", "frequency", "market_index")
    _eventually(lambda: "verify market_index" in project.chain())
    project.wait_until_started()
    (chain,) = subprocess.run(["pgrep", "-P", str(process.pid), "-f", SCRIPT], capture_output=True, text=True, check=True).stdout.split()[:1]
    os.kill(int(chain), signal.SIGKILL)
    out, _ = process.communicate(timeout=60)
    (project.box / "go").touch()
    assert process.returncode == 1
    assert re.search(r"^frequency +- +- +verify failed ", project.log(), re.MULTILINE), out
    assert "its programs were ended by the system" in out and "1 of 2 datasets failed" in out


def test_a_terminal_shows_a_live_line_of_each(project: Project) -> None:
    for key in ("frequency", "market_index"):
        project.plan[f"{DOWNLOADER} {key}"] = {"say": f"\x1e{key}: 1 of 3 days", "sleep": 1}
    output, code = project.run_on_terminal("--datasets", "frequency", "market_index")
    assert code == 0
    assert "frequency: 1 of 3 days\r\nmarket_index: 1 of 3 days\r\nin all 0 %\r\n\x1b[3A\x1b[J" in output
    assert "\x1b" not in project.log() and "1 of 3 days" not in project.log()


# ------------------------------------------------------------------------------------------- wrong use
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--frobnicate"], "unknown option --frobnicate"),
        (["--frobnicate=1"], "unknown option --frobnicate"),
        (["-x"], "unknown option -x"),
        (["--dataset", "frequency"], "unknown option --dataset;"),
        (["--two\nlines"], "unknown option --two lines"),
        (["frequency"], "unexpected argument 'frequency'"),
        ([""], "unexpected argument ''"),
        (["--local", "frequency"], "unexpected argument 'frequency'"),
        (["--dry-run=yes"], "unexpected argument 'yes'"),
        (["--max-days", "1", "2"], "unexpected argument '2'"),
        (["--local", "--demo"], "either --local or --demo"),
        (["--demo", "--local"], "either --local or --demo"),
        (["--dry-run", "--verify-only"], "either --dry-run or --verify-only"),
        (["--max-days", "-1"], "--max-days needs a value, not '-1'"),
        (["--datasets", "frequency", ""], "--datasets has an empty key"),
        *(([flag], f"{flag} needs a value") for flag in VALUED),
        *(([flag, "--local"], f"{flag} needs a value, not '--local'") for flag in ("--start-date", "--datasets")),
        *(([f"{flag}="], f"{flag} needs a value") for flag in ("--project", "--bucket", "--datasets")),
    ],
)  # fmt: skip
def test_wrong_use_is_one_line_and_starts_nothing(project: Project, arguments: list[str], says: str) -> None:
    before = project.files()
    result = project.run(*arguments)
    assert result.returncode == 2
    assert says in _one_line(result)
    assert result.stdout == "" and project.calls() == [] and project.files() == before


def test_values_are_judged_once_and_told_as_ours(project: Project) -> None:
    before = project.files()
    project.plan["plan"] = {"exit": 2, "say": "some_program.py: unknown dataset 'freq'; did you mean frequency?"}
    result = project.run("--datasets", "freq", "--start-date", "tomorrow", "--max-workers", "0", "--project", "P!")
    assert result.returncode == 2
    assert _one_line(result) == f"{SCRIPT}: unknown dataset 'freq'; did you mean frequency?\n"
    assert project.chain() == [] and project.files() == before
    (checked,) = project.called("plan")
    assert " ".join(checked) == "--datasets freq --start-date tomorrow --max-workers 0 --project P!"


def test_help_shows_every_option_in_narrow_lines_and_needs_nothing(bare: Project) -> None:
    (bare.top / "tools" / "python3").unlink()
    for flag in ("--help", "-h"):
        result = bare.run(flag)
        assert result.returncode == 0 and result.stderr == ""
    accepted = {*VALUED, "--local", "--demo", "--dry-run", "--verify-only", "--help"}
    assert accepted <= set(re.findall(r"--[a-z-]+", result.stdout))
    assert max(map(len, result.stdout.splitlines())) < 80
    assert all(key in result.stdout for key in ("jibber-jabber-knowledge-bmrs-data", "uk_energy_prod", "(default: 7)"))


def test_an_unwritable_logs_folder_is_told_and_stops_nothing(project: Project) -> None:
    (project.root / "logs").write_text("in the way")
    result = project.run("--datasets", "frequency")
    assert result.returncode == 0
    assert "cannot write to" in _one_line(result) and "going on without" in result.stderr
    assert [call[:2] for call in project.chain()][:2] == [["download", "frequency"], ["load", "frequency"]] or project.chain()


def test_a_full_disk_is_told_and_stops_nothing(project: Project) -> None:
    import resource

    project.plan[f"{DOWNLOADER} frequency"] = {"say": "a long log line\n" * 5_000}
    result = project.run(
        "--datasets", "frequency", "market_index",
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000)),
        restore_signals=False,  # SIGXFSZ stays ignored: writing beyond the limit fails as on a full disk
    )  # fmt: skip
    assert result.returncode == 0
    assert "cannot write to" in _one_line(result) and "going on without" in result.stderr
    assert "All 2 datasets verified." in result.stdout


# --------------------------------------------------------------------------------- Python and packages
def test_the_first_run_makes_the_environment_and_the_next_does_not(bare: Project) -> None:
    assert bare.run("--datasets", "frequency").returncode == 0
    assert [call[0] for call in bare.calls()][:3] == ["plan", "venv", "pip"]  # the first: wrong use makes nothing
    assert bare.called("pip")[0][-2:] == ["-r", str(bare.root / "requirements.lock")]
    assert bare.run("--datasets", "frequency").returncode == 0
    assert not bare.called("venv")
    (bare.root / "requirements.lock").write_text("requests==2.32.6\n")
    stale = bare.root / ".venv/lib"
    stale.touch()
    assert bare.run("--datasets", "frequency").returncode == 0
    assert bare.called("venv") and not stale.exists()


@pytest.mark.parametrize("step", ["venv", "pip"])
def test_an_environment_that_was_not_finished_is_not_believed(bare: Project, step: str) -> None:
    bare.plan[step] = {"exit": 1, "say": "no such package"}
    result = bare.run("--datasets", "frequency")
    assert result.returncode == 2 and bare.chain() == []
    (log,) = bare.logs()
    assert f"(no such package); see {log} and start again" in _one_line(result) and log.name == "environment.log"
    bare.plan.clear()
    assert bare.run("--datasets", "frequency").returncode == 0
    assert bare.called("venv")


def test_killed_while_it_makes_the_environment(bare: Project) -> None:
    bare.plan["pip"] = {"sleep": 30, "last_words": "pip stopped"}
    process = bare.start("--datasets", "frequency")
    bare.wait_until_started()
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 143 and "Stopped." in out
    bare.plan.clear()
    assert bare.run("--datasets", "frequency").returncode == 0
    assert bare.called("venv")


def test_two_first_runs_make_one_environment(bare: Project) -> None:
    bare.plan["pip"] = {"until": "the other waits"}
    first = bare.start("--dry-run", "--datasets", "frequency")
    bare.wait_until_started()
    second = subprocess.Popen(first.args, env=bare.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert second.stdout is not None and "waiting for it" in second.stdout.readline()
    (bare.box / "the other waits").touch()
    for process in (first, second):
        assert (process.communicate(timeout=60)[1], process.returncode) == ("", 0)
    assert len(bare.called("venv")) == 1


def test_an_old_python_is_passed_over_and_none_is_one_line(bare: Project) -> None:
    tools = bare.top / "tools"
    (tools / "python3").rename(tools / "python3.11")
    _executable(tools / "python3", "exit 1")
    assert bare.run("--dry-run", "--datasets", "frequency").returncode == 0
    (tools / "python3.11").unlink()
    assert bare.run("--dry-run", "--datasets", "frequency").returncode == 0, "the environment has a Python of its own"
    shutil.rmtree(bare.root / ".venv")
    result = bare.run("--datasets", "frequency")
    assert result.returncode == 2 and "needs Python 3.10 or later" in _one_line(result)


@pytest.mark.parametrize(
    ("missing", "steps"),
    [
        ("ensurepip", ["venv --without-pip {venv}", "pip --target {packages} -r {locks}/pip.lock", "pip -r {requirements}"]),
        ("venv", ["pip --target {venv}/uv -r {locks}/uv.lock", "uv venv --allow-existing --no-cache --python {python} {venv}",
                  "uv pip install --no-cache --python {venv}/bin/python --require-hashes -r {locks}/pip.lock", "pip -r {requirements}"]),
        ("ensurepip pip", []),
    ],
)  # fmt: skip
def test_a_python_without_venv_or_ensurepip(bare: Project, missing: str, steps: list[str]) -> None:
    bare.plan["parts"] = {"without": missing}
    result = bare.run("--dry-run", "--datasets", "frequency")
    at = {
        "venv": bare.root / ".venv", "packages": ".+", "requirements": bare.root / "requirements.lock",
        "locks": bare.root / "collector/locks", "python": bare.top / "tools/python3",
    }  # fmt: skip
    done = [" ".join(call).replace(" ".join(making.LOCKED), "").replace("-I -m venv", "")
            for call in bare.calls() if call[0] in ("venv", "pip", "uv")]  # fmt: skip
    assert len(done) == len(steps), done
    for got, wanted in zip(done, steps, strict=True):
        assert re.match(wanted.format(**at), re.sub("^pip +|^venv +", lambda found: found[0].strip() + " ", got)), (got, wanted)
    if steps:
        assert result.returncode == 0, result.stderr
    else:
        version = "{}.{}".format(*sys.version_info)
        assert result.returncode == 2 and f"sudo apt install python{version}-venv)" in _one_line(result)
        assert not (bare.root / ".venv/bin").exists()


def test_a_python_that_has_ensurepip_goes_before_one_that_has_not(bare: Project) -> None:
    tools = bare.top / "tools"
    (tools / "python3").rename(tools / "python3.12")
    whole = f'exec "{tools / "python3.12"}" "$@"'
    _executable(tools / "python3", f'case "$*" in *ensurepip*) exit 1 ;; esac; touch "{bare.box}/taken"; {whole}')
    assert bare.run("--dry-run", "--datasets", "frequency").returncode == 0
    assert not (bare.box / "taken").exists()


def test_setup_installs_and_does_nothing_else(bare: Project) -> None:
    result = bare.run("--setup")
    assert (result.returncode, result.stderr) == (0, "")
    assert [call[0] for call in bare.calls()] == ["plan", "venv", "pip"]
    assert bare.run("--setup", "--local").returncode == 0
    assert [" ".join(call) for call in bare.calls()] == ["local_cloud.py setup"]
    bare.plan["local_cloud.py setup"] = {"exit": 2, "say": "local_cloud: no Python"}
    result = bare.run("--setup", "--demo")
    assert (result.returncode, result.stderr) == (2, "local_cloud: no Python\n")


# ----------------------------------------------------------------------------------------- credentials
LOGIN, ADC = "gcloud auth login", "gcloud auth application-default login"


@pytest.mark.parametrize(
    ("account", "credentials", "refused", "says"),
    [
        ("me@example.org", True, False, "logged in as me@example.org"),
        ("", True, False, f"not logged in; not needed to collect; to log in: {LOGIN}"),
        (None, True, False, "not installed; not needed to collect"),
        (
            "me@example.org",
            False,
            True,
            f"logged in as me@example.org, but that login serves gcloud alone); run: {ADC}",
        ),
        ("", False, True, f"run: {LOGIN} && {ADC}"),
        (None, False, True, f"install gcloud (https://cloud.google.com/sdk/docs/install) and run: {ADC}"),
    ],
)
def test_login_and_default_credentials_are_two_things(
    project: Project, account: str | None, credentials: bool, refused: bool, says: str
) -> None:
    project.env.update(REAL_CLOUD)
    if account is not None:
        _executable(project.top / "tools" / "gcloud", f"echo {account}")
    if credentials:
        known = Path(project.env["HOME"]) / ".config/gcloud/application_default_credentials.json"
        known.parent.mkdir(parents=True)
        known.write_text("{}")
    result = project.run("--datasets", "frequency")
    assert result.returncode == (2 if refused else 0)
    assert says in (_one_line(result) if refused else project.log())
    assert bool(project.chain()) != refused


def test_credentials_named_by_the_environment(project: Project) -> None:
    project.env.update(REAL_CLOUD, GOOGLE_APPLICATION_CREDENTIALS="key file.json")
    result = project.run("--datasets", "frequency")
    assert result.returncode == 2 and "names 'key file.json', which cannot be read" in _one_line(result)
    (project.top / "key file.json").write_text("{}")
    assert project.run("--datasets", "frequency").returncode == 0


def test_credentials_of_a_google_machine(project: Project) -> None:
    project.env.update(REAL_CLOUD)
    project.plan["google.auth"] = {"exit": 0}
    assert project.run("--datasets", "frequency").returncode == 0


def test_one_emulator_alone_is_refused(project: Project) -> None:
    project.env["STORAGE_EMULATOR_HOST"] = ""
    result = project.run("--datasets", "frequency")
    assert result.returncode == 2 and "set both" in _one_line(result) and project.chain() == []


def test_a_missing_bucket_is_told_as_the_loader_says_it(project: Project) -> None:
    complaint = "bucket b does not exist; run: gcloud storage buckets create gs://b"
    project.plan[f"{LOADER} --check-setup"] = {"exit": 2, "say": f"{LOADER}: {complaint}"}
    result = project.run("--datasets", "frequency")
    assert result.returncode == 2 and project.chain() == []
    assert _one_line(result) == f"{SCRIPT}: {complaint}\n"


# ----------------------------------------------------------------------------------------- two at once
def test_two_runs_do_not_tread_on_each_other(project: Project) -> None:
    project.plan[f"{DOWNLOADER} frequency"] = {"sleep": 60}
    first = project.start("--datasets", "frequency", start_new_session=True)
    project.wait_until_started()

    def another(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(project.root / SCRIPT), "--datasets", "market_index", *arguments]
        return subprocess.run(command, env=project.env, capture_output=True, text=True, check=False, timeout=60)

    second = another()
    assert second.returncode == 2
    advice = f"(process {first.pid}); wait until it ends, or stop it with: kill {first.pid}"
    assert advice in _one_line(second)
    assert another("--verify-only").returncode == 0, "reading is free"
    assert another("--bucket", "other").returncode == 0, "so is another target"
    # Killed: the kernel frees the lock, even while a child of the dead run is still at work.
    first.kill()
    first.wait()
    assert another().returncode == 0
    assert list((project.root / "logs").glob(".*")) == []
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    shutil.rmtree(project.top / "tmp")  # of the killed run
    (project.top / "tmp").mkdir()


def test_a_lock_left_by_the_dead_needs_no_person(project: Project) -> None:
    (project.root / "logs").mkdir()
    assert project.run("--datasets", "frequency", "--local").returncode == 0
    (lock,) = (project.root / "logs").glob(".deploy.*.lock")
    lock.write_text("1")
    assert project.run("--datasets", "frequency", "--local").returncode == 0


def test_runs_of_one_second_have_logs_of_their_own(project: Project) -> None:
    # A clock that moves on once in three looks at it.
    clock = """
        i=$(cat "$STAND_IN/looks")
        echo $((i + 1)) >"$STAND_IN/looks"
        echo 20240330_00000$((i / 3))
    """
    (project.box / "looks").write_text("0")
    (project.top / "tools" / "date").unlink()
    _executable(project.top / "tools" / "date", f"case $1 in +%Y%m%d_%H%M%S) ;; *) exit ;; esac\n{clock}")
    for _ in range(2):
        assert project.run("--datasets", "frequency").returncode == 0
    assert [path.name for path in project.logs("download_*")] == [
        "download_frequency_20240330_000000.log", "download_frequency_20240330_000001.log",
    ]  # fmt: skip


def test_the_logs_of_the_last_runs_are_kept_and_of_those_under_way_and_no_other_file_is_touched(project: Project) -> None:
    logs, stamps = project.root / "logs", [f"202401{day:02}_063000" for day in range(1, 8)]
    own = ("deployment_{}.log", "download_bid_offer_acceptances_{}.log", "download_frequency_{}.log", "load_frequency_{}.log", "coverage_{}.html")
    names = {stamp: {name.format(stamp) for name in own} for stamp in stamps}
    others = {
        "coverage.last.json", "environment.log", "deployment_notes.log", "deployment_20240101_063000.log.bak", "download_frequency_by_hand.log",
        "load_frequency_20230101_063000.log", "note_20240101_063000.log",
    }  # fmt: skip
    logs.mkdir()
    for name in others.union(*names.values()):
        (logs / name).write_text("a run's words\n")
    # The second is under way, the third was killed: another process may have its number by now, but none has this one.
    with subprocess.Popen(["sleep", "60"]) as alive, subprocess.Popen(["true"]) as ended:
        ended.wait()
        for stamp, process in ((stamps[1], alive), (stamps[2], ended)):
            (logs / f"deployment_{stamp}.log").write_text(f"2024 {SCRIPT}\nlog: ...\nprocess: {process.pid}\n")
        project.env["BMRS_KEEP_LOGS"] = "4"
        assert project.run("--datasets", "frequency").returncode == 0
        alive.kill()
    kept = {path.name for path in project.logs("*") if path.is_file() and not path.is_symlink()}
    assert kept > others and {stamp for stamp in stamps if names[stamp] & kept} == {stamps[1], *stamps[4:]}
    assert all(names[stamp] <= kept for stamp in (stamps[1], *stamps[4:]))
    (log,) = (path for path in project.logs("deployment_*_*.log") if "_2024" not in path.name)
    assert re.search(r"^process: \d+$", log.read_text(), re.MULTILINE) and (logs / "latest").resolve() == log.resolve()


# --------------------------------------------------------------------------------------------- signals
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_at_any_moment_of_the_start_is_told_once_and_leaves_nothing(project: Project, number: int, code: int, tmp_path: Path) -> None:
    project.env.update(TMPDIR=str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()
    untold = []
    for step in range(15):
        process = project.start("--datasets", "frequency", start_new_session=True)
        # The moment is the case: whichever it is, the end is the same.
        time.sleep(step * 0.03)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        out, err = process.communicate(timeout=60)
        told = out.count("\nStopped. ") + err.count(f"{SCRIPT}: stopped; ")
        # Before bash has read its first line the signal is the system's; at the end the run may be over. Of a child that
        # SIGTERM ends bash itself says so.
        is_right = (process.returncode, told) in ((code, 1), (-number, 0), (0, 0))
        if not is_right or set(err.splitlines()) - {f"{SCRIPT}: stopped; the same command again does only what is missing", "Terminated"}:
            untold.append((step, process.returncode, out[-150:], err))
        assert list((tmp_path / "scratch").iterdir()) == []
    assert untold == []


def test_what_a_signal_breaks_off_is_no_refusal(project: Project) -> None:
    mkdir = project.top / "tools/mkdir"
    real = mkdir.resolve()
    mkdir.unlink()
    _executable(mkdir, f'case "$*" in */logs) kill -INT $PPID; exit 1 ;; esac; exec {real} "$@"')
    ran = project.run("--local", "--datasets", "frequency")
    assert (ran.returncode, ran.stderr, ran.stdout.count("Stopped.")) == (130, "", 1)


def test_ctrl_c_while_python_lists_the_datasets_is_answered_by_the_script(project: Project) -> None:
    _executable(project.root / ".venv/bin/python", f'kill -INT 0; exec "{sys.executable}" "$@"')
    ran = project.run("--list-datasets", start_new_session=True)
    assert (ran.returncode, _one_line(ran)) == (130, f"{SCRIPT}: stopped; the same command again does only what is missing\n")


@pytest.mark.skipif(
    subprocess.run(["env", "--block-signal=INT", "--version"], capture_output=True, check=False).returncode != 0,
    reason="the env of this system cannot block signals",
)
@pytest.mark.parametrize("mode", ["--local", "--demo"])
def test_ctrl_c_while_the_python_of_the_emulators_starts_waits_for_it(project: Project, mode: str) -> None:
    shutil.copy(ROOT / "local_cloud.py", project.root)
    python = project.root / ".venv/bin/python"
    python.rename(python.with_name("stand-in"))
    own = f'kill -INT $$; exec "{sys.executable}" "$@"'
    _executable(python, f'case $1 in */local_cloud.py) {own} ;; esac; exec "{python.with_name("stand-in")}" "$@"')
    ran = project.run(mode, "--datasets", "frequency")
    assert (ran.returncode, ran.stderr) == (130, "local_cloud: stopped\n")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
@pytest.mark.parametrize("group", [False, True], ids=["script", "group"])
def test_a_signal_stops_the_child_and_says_how_to_go_on(
    project: Project, number: signal.Signals, code: int, group: bool
) -> None:
    project.plan[f"{LOADER} market_index"] = {"sleep": 30, "last_words": "last words of the loader, signal"}
    which = ("--parallel", "1", "--datasets", "frequency", "market_index", "wind_forecasts")
    process = project.start(*which, start_new_session=True)
    project.wait_until_started()
    began = time.monotonic()
    (os.killpg if group and number != signal.SIGHUP else os.kill)(process.pid, number)
    out, err = process.communicate(timeout=20)
    assert time.monotonic() - began < 5
    assert (process.returncode, err) == (code, "")
    assert project.log().count("last words of the loader, signal 15") == 1
    assert "last words of the loader" in project.log("load_market_index*") and set(out.splitlines()) <= set(project.log().splitlines())
    assert re.search(r"^frequency +3/3 +4,321 +ok ", out, re.MULTILINE)
    assert re.search(r"^market_index +- +- +stopped +\d+$", out, re.MULTILINE)
    assert re.search(r"^wind_forecasts +- +- +not started +-$", out, re.MULTILINE)
    assert f"{SCRIPT} {' '.join(which)}\n" in out
    assert project.chain()[-1] == "load market_index"


def test_a_child_that_will_not_end_is_ended_by_a_second_signal(project: Project) -> None:
    project.plan[f"{DOWNLOADER} frequency"] = {"sleep": 60, "deaf": True}
    process = project.start("--datasets", "frequency")
    project.wait_until_started()
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)  # as one Ctrl-C may arrive twice
    time.sleep(2.5)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=10)
    assert process.returncode == 130 and "Stopped." in out


@pytest.mark.long
def test_a_child_that_will_not_end_is_not_waited_for_long(project: Project) -> None:
    project.plan[f"{DOWNLOADER} frequency"] = {"sleep": 60, "deaf": True}
    process = project.start("--datasets", "frequency")
    project.wait_until_started()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 143


# ---------------------------------------------------------------------- what stands in the way of a lock
def test_a_symbolic_link_in_place_of_a_lock_leads_nowhere(project: Project) -> None:
    precious = project.top / "precious"
    precious.write_text("mine")
    place = ".deploy.local.lock"
    lock = project.root / "logs" / place
    lock.parent.mkdir(exist_ok=True)
    lock.symlink_to(precious)
    result = project.run("--local", "--datasets", "frequency")
    assert result.returncode == 2 and project.chain() == []
    assert f"{place} is a symbolic link" in result.stderr
    assert precious.read_text() == "mine"


def test_no_file_but_the_runs_own_log_is_written_to(project: Project) -> None:
    precious = project.top / "precious"
    precious.write_text("mine")
    for told in (str(precious), "0" * 32):
        project.env.update(DEPLOY_INSIDE=told)
        assert project.run("--local", "--datasets", "frequency").returncode == 0
        assert project.called("local_cloud.py"), "this was taken for a run inside the emulators, without its lock"
        assert precious.read_text() == "mine"


@pytest.mark.parametrize(
    ("trouble", "words"),
    [("ENOSPC", "make room on that disk"), ("EMFILE", "allow more open files"), ("ENOLCK", "a file system that has locks")],
)
def test_each_hindrance_of_a_lock_has_its_own_words(project: Project, trouble: str, words: str) -> None:
    # A Python whose first call of flock fails; the rest of it is the real one's.
    real = project.root / ".venv" / "bin" / "python"
    kept = shlex.quote(str(real.rename(real.with_name("python3.real"))))
    _executable(real, f"""
        fails='import errno, fcntl, os, runpy, sys
        def flock(*_): raise OSError(errno.{trouble}, os.strerror(errno.{trouble}))
        fcntl.flock = flock
        del sys.argv[0]
        runpy.run_path(sys.argv[0], run_name="__main__")'
        case $2 in */lock.py) exec {kept} -I -c "$fails" "${{@:2}}" ;; *) exec {kept} "$@" ;; esac""")
    result = project.run("--datasets", "frequency")
    assert result.returncode == 2
    assert re.fullmatch(rf"deploy_data_collectors.sh: cannot lock .*: .*{words}.*\n", result.stderr)


# -------------------------------------------------------------------------------------- local and demo
def test_local_runs_the_same_inside_the_emulators(project: Project) -> None:
    project.env.update(REAL_CLOUD)
    result = project.run("--local", "--datasets", "frequency", "--bucket=my-bucket")
    assert result.returncode == 0, result.stderr
    (cloud,) = project.called("local_cloud.py")
    where = "--project jibber-jabber-knowledge --bucket my-bucket --dataset-id uk_energy_prod"
    assert " ".join(cloud).startswith(f"run {where} -- ")
    assert cloud[-4:] == ["--local", "--datasets", "frequency", "--bucket=my-bucket"]
    assert project.chain() == ["download frequency", "load frequency", "verify frequency"]
    assert "bucket       gs://my-bucket (--bucket)\n" in result.stdout and "dataset      uk_energy_prod in europe-west2 (the default)" in result.stdout
    assert "emulators" in project.log() and "MADE UP" not in result.stdout
    assert len(project.logs()) == 3 and set(result.stdout.splitlines()) <= set(project.log().splitlines()), "one run, one set of logs"


def test_demo_is_made_up_data_of_three_fixed_days_kept_apart(project: Project) -> None:
    project.env.update(REAL_CLOUD)
    project.plan["collector.demo"] = {"answer": "  WIND  50  12,345"}
    result = project.run("--demo")
    assert result.returncode == 0, result.stderr
    (cloud,) = project.called("local_cloud.py")
    assert cloud[:3] == ["run", "--data-dir", str(project.root / ".local_cloud/demo")]
    assert project.called("api_standin.py")
    assert sorted(project.chain()) == sorted(f"{step} {key}" for key in DEFAULT_DATASETS for step in ("download", "load", "verify"))
    assert "--end-date 2022-10-31 --start-date 2022-10-29" in " ".join(project.called(DOWNLOADER)[-1])
    assert result.stdout.count("THE DATA IS MADE UP") == 2
    assert project.called("collector.demo")[0][-1] == "2022-10-30" and "WIND  50  12,345" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "dates"),
    [
        (["--start-date", "2023-03-26"], "--end-date 2023-03-26 --start-date 2023-03-26"),
        (["--end-date", "2023-03-26"], "--end-date 2023-03-26 --start-date 2023-03-26"),
        (
            ["--start-date", "2023-03-25", "--end-date", "2023-03-26"],
            "--end-date 2023-03-26 --start-date 2023-03-25",
        ),
    ],
)
def test_demo_of_other_days(project: Project, arguments: list[str], dates: str) -> None:
    result = project.run("--demo", *arguments)
    assert result.returncode == 0
    assert dates in " ".join(project.called(DOWNLOADER)[-1])
    assert project.called("collector.demo")[0][-1] == "2023-03-26"


def test_a_demo_ends_with_commands_that_can_be_pasted(project: Project) -> None:
    project.env.update(REAL_CLOUD)
    result = project.run("--demo", "--datasets", "demand_outturn", "--dataset-id", "mine")
    assert result.returncode == 0
    ending = result.stdout.rpartition("*\n")[2]
    query, serve = (shlex.split(line) for line in ending.splitlines() if " local_cloud.py" in line or "/local_cloud.py" in line)
    home = [str(project.root / ".venv/bin/python"), str(project.root / "local_cloud.py")]
    assert query[:-1] == [*home, "query", "--demo", "--dataset-id", "mine"] and query[-1].startswith("SELECT ")
    assert serve == [*home, "serve", "--demo", "--dataset-id", "mine"]
    compile(textwrap.dedent(ending.partition(".venv/bin/python':\n")[2]), "", "exec")
    short = project.run("--demo", "--datasets", "demand_outturn", cwd=project.root)
    assert "  .venv/bin/python local_cloud.py serve --demo\n" in short.stdout


def test_a_demo_whose_query_fails_is_a_failure(project: Project) -> None:
    project.plan["collector.demo"] = {"exit": 1}
    assert project.run("--demo").returncode == 1


# -------------------------------------------------------------------------------------------- settings
def test_the_example_explains_every_setting_and_sets_none() -> None:
    text = (ROOT / "api.env.example").read_text()
    assert all(line.startswith("#") or not line for line in text.splitlines())
    paragraphs = text.split("\n\n")
    for setting in SETTINGS:
        (paragraph,) = (p for p in paragraphs if f"\n#{setting.variable}=" in p)
        assert "# Allowed: " in paragraph and "# Default: " in paragraph
        assert setting.default in paragraph and setting.flag in paragraph


@pytest.mark.parametrize("answer", [None, "", "[]", '{"datasets": [{}]}'])
def test_a_last_check_without_an_answer_is_a_failure(answer: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcomes, coverage = tmp_path / "outcomes", tmp_path / "coverage"
    outcomes.write_text("frequency\tok\t1\t2\t3\t1/1\t5,760\tsaid\n")
    if answer is not None:
        coverage.write_text(answer)
    code = deploy.summary(["--outcomes", str(outcomes), "--datasets", "frequency", "--coverage", str(coverage), "--logs", str(tmp_path)])
    assert code == 1
    assert "1 of 1 datasets failed: frequency (the last check gave no answer" in capsys.readouterr().out


def test_what_nobody_has_set_is_not_used(project: Project) -> None:
    project.env.update(dict.fromkeys(REAL_CLOUD, ""))
    known = Path(project.env["HOME"]) / ".config/gcloud/application_default_credentials.json"
    known.parent.mkdir(parents=True)
    known.write_text("{}")
    result = project.run("--datasets", "frequency")
    assert result.returncode == 2
    assert "nobody has set BMRS_PROJECT (built in: jibber-jabber-knowledge), BMRS_BUCKET" in _one_line(result)
    assert not project.chain()


@pytest.mark.parametrize(("typed", "meant"), [("--max-worker", "--max-workers"), ("--dataset", "--datasets"), ("--verbos", "--verbose")])
def test_the_nearest_option_is_suggested(project: Project, typed: str, meant: str) -> None:
    assert _one_line(project.run(typed)).strip().endswith(f"unknown option {typed}; see --help (did you mean {meant}?)")


def test_another_shell_is_told_in_one_line(project: Project) -> None:
    script = str(project.root / SCRIPT)
    ran = subprocess.run(["sh", script, "--help"], env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False)
    if os.path.realpath(shutil.which("sh") or "").endswith("bash"):
        pytest.skip("sh is bash here")
    assert ran.returncode == 2
    assert ran.stderr == f"{script}: this is a bash script; run: bash {script}\n"


def test_the_version_is_told_under_its_own_name(project: Project) -> None:
    assert project.run("--version").stdout == f"{SCRIPT} {VERSION}\n"


def test_flags_of_the_programs_are_passed_on(project: Project) -> None:
    project.run("--datasets", "frequency", "--force", "--quiet")
    calls = [arguments for name, *arguments in project.calls() if name in (DOWNLOADER, LOADER)]
    work = [arguments for arguments in calls if not {"--check-setup", "--check-source", "--verify", "--update-views"} & set(arguments)]
    assert len(work) == 2
    assert all({"--force", "--quiet"} <= set(arguments) for arguments in work)
    assert not any("--force" in arguments for arguments in calls if arguments not in work)
