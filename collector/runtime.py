"""What both programs need to run: settings, arguments, logging, cloud clients, stopping.

Settings come from a flag, else the environment, else `api.env` in the project's root, else the default.
`python3 -m collector.runtime settings [--project P ...]` prints the effective ones for the deploy script.
"""

from __future__ import annotations

import argparse
import io
import logging
import os
import re
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn, TextIO, TypeVar
from urllib.parse import urlsplit

from collector import cloud, command_line, gb_calendar
from collector.command_line import DONE, FAILED, PLACES, Parser, fail_usage, printable
from collector.days import Task
from datasets_config import DEFAULT_DATASETS, FIRST_DAY, REGISTRY, Host

if TYPE_CHECKING:
    from google.api_core.retry import Retry
    from google.auth.credentials import Credentials
    from google.cloud import bigquery, storage  # type: ignore[attr-defined]

    from collector.clock import Clock

ROOT = Path(__file__).resolve().parent.parent
API_ENV = ROOT / "api.env"
log = logging.getLogger("collector")
T = TypeVar("T")
# Seconds without a byte after which a request to Google Cloud is given up; BigQuery's client would wait for ever.
CLOUD_TIMEOUT = 180.0
# And seconds for a whole request to it, beside what sending takes at the slowest rate that is waited for: the largest
# answers are pages of a few MB.
_CLOUD_LONGEST = 600.0


class UsageError(Exception):
    """Wrong use or set-up: told in one line, exit code 2, nothing started."""


# ---------------------------------------------------------------------------------------------- settings
@dataclass(frozen=True)
class Setting:
    """One setting: its environment variable, default, flag, and the pattern its value must match."""

    variable: str
    default: str
    flag: str = ""
    pattern: str = ""
    rule: str = ""


_URL_RULE = "an https:// address without query (http:// only on this machine)"
_ADDRESS = re.compile(r"(https?)://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?")
THIS_MACHINE = re.compile(r"localhost|127(\.[0-9]{1,3}){3}|\[::1\]")
SETTINGS = (
    Setting(
        *PLACES["--project"], "--project",
        # Google's have at least 6 characters, those that emulators are tried with often 4.
        r"([a-z0-9][a-z0-9.-]*[a-z0-9]:)?[a-z][a-z0-9-]{2,28}[a-z0-9]",
        "a Google Cloud project id: 6 to 30 lower-case letters, digits and hyphens, first a letter",
    ),
    Setting(
        *PLACES["--bucket"], "--bucket",
        r"(?!goog)(?!.*google)(?!.*(\.\.|\.-|-\.))(?!\d+\.\d+\.\d+\.\d+$)[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]",
        "a bucket name: 3 to 63 lower-case letters, digits, hyphens, dots and underscores, without gs://",
    ),
    Setting(
        *PLACES["--dataset-id"], "--dataset-id", r"[A-Za-z0-9_]{1,1024}",
        "a BigQuery dataset name: letters, digits and underscores",
    ),
    Setting("BMRS_LOCATION", "europe-west2", "", r"[A-Za-z]+(-[A-Za-z]+[0-9]+)?", "a location such as europe-west2 or EU"),
    Setting(Host.ELEXON.value, "", rule=_URL_RULE),
    Setting(Host.CARBON.value, "", rule=_URL_RULE),
    Setting("BMRS_HTTP_TIMEOUT", "60", "", r"[1-9][0-9]{0,3}", "a number of seconds from 1 to 9999"),
    Setting("BMRS_API_KEY", "", "", r"[\x21-\x7e]*", "printable characters without spaces"),
    Setting("BMRS_KEEP_LOGS", "90", "", r"[1-9][0-9]{0,4}", "a number of days from 1 to 99999"),
    Setting("STORAGE_EMULATOR_HOST", ""),
    Setting("BIGQUERY_EMULATOR_HOST", ""),
    Setting("LOCAL_CLOUD_TOKEN", "", "", r"[\x21-\x7e]*", "printable characters without spaces"),
)  # fmt: skip


SECRETS = ("BMRS_API_KEY", "LOCAL_CLOUD_TOKEN")


@dataclass(frozen=True)
class Settings:
    """The effective settings. `origins` says of each where it comes from, for messages. is_exposed: a secret stands in
    api.env and others than its owner may read that."""

    values: dict[str, str]
    origins: dict[str, str]
    is_exposed: bool = False

    @property
    def project(self) -> str:
        return self.values["BMRS_PROJECT"]

    @property
    def bucket(self) -> str:
        return self.values["BMRS_BUCKET"]

    @property
    def dataset_id(self) -> str:
        return self.values["BMRS_DATASET"]

    @property
    def location(self) -> str:
        return self.values["BMRS_LOCATION"]

    @property
    def api_key(self) -> str:
        return self.values["BMRS_API_KEY"]

    @property
    def http_timeout(self) -> float:
        """Seconds for an answer of the API, or for each part of it that is as large as 10 kB times as many."""
        return float(self.values["BMRS_HTTP_TIMEOUT"])

    def emulator(self, service: str) -> str:
        """The emulator's address for `service` (STORAGE or BIGQUERY), "" for the real one."""
        return self.values[f"{service}_EMULATOR_HOST"]


def read_api_env(path: Path = API_ENV) -> dict[str, str]:
    """The assignments in `path`: parsed, never executed; quotes, `export`, CRLF and a BOM are understood.

    Raises UsageError when the file is there but cannot be read, or a line of it cannot be understood.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path.name} cannot be read ({error}); make it a readable UTF-8 text file") from None
    from dotenv.parser import parse_stream

    found = {}
    # The parser alone, without dotenv's interpolation: ${...} and $(...) in a value are text.
    for binding in parse_stream(io.StringIO(text)):
        whole = binding.original.string
        line = binding.original.line + whole[: len(whole) - len(whole.lstrip())].count("\n")
        if binding.error or (binding.key and binding.value is None):
            raise UsageError(f"line {line} of {path.name} is not NAME=value; mend it or put a # before it")
        if binding.key and binding.value:
            found[binding.key] = binding.value
    return found


def load_settings(flags: dict[str, str | None], defaults: dict[str, str]) -> Settings:
    """The effective settings from `flags` (flag -> value or None), environment, api.env and defaults.

    defaults: of the two base URLs, which stand in the downloader. Raises UsageError naming the first value that
    cannot be right and where it was set; a secret's value is never shown.
    """
    from_file = read_api_env()
    values: dict[str, str] = {}
    origins: dict[str, str] = {}
    for setting in SETTINGS:
        name = setting.variable
        given = flags.get(setting.flag) if setting.flag else None
        if given is not None:
            value, origin = given, setting.flag
        elif os.environ.get(name):
            value, origin = os.environ[name], f"{name} in the environment"
        elif from_file.get(name):
            value, origin = from_file[name], f"{name} in {API_ENV.name}"
        else:
            value, origin = defaults.get(name, setting.default), "the default"
        if name in defaults:
            value = value.rstrip("/")
        # Neither a key nor a password in an address is shown.
        shown = "the value" if name in SECRETS else re.sub(r"//[^/]*@", "//...@", repr(value))
        wrong = setting.pattern and not re.fullmatch(setting.pattern, value, re.ASCII)
        if wrong or (name in defaults and not _is_base_url(value)):
            raise UsageError(f"{shown} (set by {origin}) cannot be used; give {setting.rule}")
        values[name], origins[name] = value, origin
    for service in ("STORAGE", "BIGQUERY"):
        host = values[f"{service}_EMULATOR_HOST"]
        if host and not (_ADDRESS.fullmatch(host.removesuffix("/")) and _has_port(host)):
            raise UsageError(f"{service}_EMULATOR_HOST is {host!r}; give it with its scheme, as http://127.0.0.1:4443")
        if host:
            # The client libraries read it from the environment, wherever it was set.
            os.environ[f"{service}_EMULATOR_HOST"] = host
    for name in SECRETS:
        command_line.hide(values[name])
    if bool(values["STORAGE_EMULATOR_HOST"]) != bool(values["BIGQUERY_EMULATOR_HOST"]):
        # The real BigQuery would load what the real bucket holds under the names that the emulator lists.
        raise UsageError(
            "only one of STORAGE_EMULATOR_HOST and BIGQUERY_EMULATOR_HOST is set; "
            "set both for emulators, or neither for Google Cloud"
        )
    is_exposed = any(from_file.get(name) for name in SECRETS) and bool(API_ENV.stat().st_mode & 0o044)
    return Settings(values, origins, is_exposed)


def warn_if_exposed(settings: Settings) -> None:
    """Tell of a secret that others may read; the deploy script tells it once for all that it starts."""
    if settings.is_exposed and "COLLECTOR_LIVE_LINES" not in os.environ:
        log.warning("%s holds a secret and others may read it; run: chmod 600 %s", API_ENV.name, API_ENV)


def _is_base_url(text: str) -> bool:
    address = _ADDRESS.match(text)
    if not address or not re.fullmatch(r"(/[A-Za-z0-9._~/%-]*)?", text[address.end() :]):
        return False
    return _has_port(text) and (address[1] == "https" or bool(THIS_MACHINE.fullmatch(address[2])))


def _has_port(text: str) -> bool:
    """Whether the port of an address, if it names one, can exist, and the parts of its name are no longer than they may be."""
    try:
        address = urlsplit(text)
        return address.port != 0 and max(map(len, (address.hostname or "").split("."))) < 64
    except ValueError:
        return False


# ---------------------------------------------------------------------------------------------- arguments
def flags_of(arguments: argparse.Namespace) -> dict[str, str | None]:
    """The settings' flags as given."""
    return {s.flag: getattr(arguments, s.flag[2:].replace("-", "_")) for s in SETTINGS if s.flag}


def tasks_of(arguments: argparse.Namespace) -> list[Task]:
    """What the arguments ask for: each dataset once, its range clipped to where the dataset begins.

    Raises UsageError for a range that cannot hold data: ends before it starts, in the future, before all data.
    """
    today = gb_calendar.settlement_day(gb_calendar.utc_now())
    start, end = arguments.start_date, arguments.end_date
    if start and start < FIRST_DAY:
        raise UsageError(f"--start-date {start} is before any data; the earliest is {FIRST_DAY}")
    for flag, day in (("--start-date", start), ("--end-date", end)):
        if day and day > today:
            raise UsageError(f"{flag} {day} is in the future; the last day that has begun is {today}")
    if start and end and end < start:
        raise UsageError(f"--end-date {end} is before --start-date {start}; swap them")
    if end and end < FIRST_DAY:
        raise UsageError(f"--end-date {end} is before any data; the earliest is {FIRST_DAY}")
    keys = dict.fromkeys(arguments.datasets or DEFAULT_DATASETS)
    tasks = [Task(REGISTRY[key], max(start or FIRST_DAY, REGISTRY[key].first_day), end or today) for key in keys]
    if all(task.last < task.first for task in tasks):
        begins = ", ".join(f"{task.dataset.key} begins on {task.dataset.first_day}" for task in tasks)
        raise UsageError(f"--end-date {end} is before any data of what is asked for: {begins}")
    return tasks


# ---------------------------------------------------------------------------------------------- logging, stopping
class _OneLine(logging.Formatter):
    """Log lines are printable."""

    def format(self, record: logging.LogRecord) -> str:
        if record.exc_info:
            return "\n".join(map(printable, super().format(record).splitlines()))
        return printable(super().format(record))


class _Stderr(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes to what sys.stderr is at the moment: live progress lines step aside for it."""

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, _value: object) -> None:
        """Set by the base class; there is nothing to keep."""


def start_logging(quiet: bool = False, verbose: bool = False) -> None:
    """Log to stderr: time in UTC, level, message."""
    handler = _Stderr()
    formatter = _OneLine("%(asctime)sZ %(levelname)-7s %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    log.handlers[:] = [handler]
    log.propagate = False
    log.setLevel(logging.WARNING if quiet else logging.DEBUG if verbose else logging.INFO)


class Stopped(Exception):
    """A signal, whose number is the argument, asked the program to end; raised where work would go on."""


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


def run(prog: str, main: Callable[[], int]) -> NoReturn:
    """Run a program's main and end the process with its exit code; one line for what the user can mend."""
    try:
        code = main()
        sys.stdout.flush()
    except UsageError as error:
        fail_usage(prog, str(error))
    except Stopped as stopped:
        print(f"{prog}: stopped before anything was begun", file=sys.stderr)
        code = 128 + stopped.args[0]
    except BrokenPipeError:
        # The reader of a pipe has gone (as `| head` does); nothing is left to say to it.
        code = FAILED
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        print(f"{prog}: {error.strerror or error} ({error.filename or 'output'}); free space or mend it and run again", file=sys.stderr)
        code = FAILED
    except Exception as error:
        # Where no dataset can be blamed: a plan, or the schemas.
        log.debug("internal error", exc_info=True)
        if type(error).__module__.startswith("google."):
            text = cloud.trouble("BigQuery" if "bigquery" in str(error).lower() else "Cloud Storage", error).text
        else:
            text = f"{internal(error)}; --verbose tells where"
        print(f"{prog}: {text}", file=sys.stderr)
        code = FAILED
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        code = code or FAILED
    # Worker threads may sit in a socket read for a minute; all they do is atomic at the server.
    os._exit(code)


# ---------------------------------------------------------------------------------------------- cloud clients
def _no_credentials() -> UsageError:
    """Why there are no credentials; the library's own words can run over many lines."""
    named, command = os.environ.get("GOOGLE_APPLICATION_CREDENTIALS"), f"run: {cloud.LOGIN}"
    if named:
        return UsageError(f"GOOGLE_APPLICATION_CREDENTIALS names {named!r}, which holds no usable credentials; correct it, or unset it and {command}")
    return UsageError(f"no Application Default Credentials (being logged in to gcloud is not the same); {command}")


# Google's libraries warn on every start that they will leave Python 3.10 behind; README says it once.
warnings.filterwarnings("ignore", category=FutureWarning, module="google")


def storage_client(settings: Settings, connections: int = 16, clock: Clock | None = None) -> storage.Client:
    """A Cloud Storage client, of the emulator when STORAGE_EMULATOR_HOST is set.

    clock: is told what time the service has. Raises UsageError when there are no credentials that can be used.
    """
    from google.cloud import storage  # type: ignore[attr-defined]

    client = _with_credentials(lambda known: storage.Client(project=settings.project, credentials=known), settings, "STORAGE")
    _widen_pool(client, connections)
    if clock:
        client._http.hooks["response"].append(lambda answer, *_, **__: clock.note("Cloud Storage", answer.headers.get("Date")))
    return client


def bigquery_client(settings: Settings, connections: int = 16) -> bigquery.Client:
    """A BigQuery client, of the emulator when BIGQUERY_EMULATOR_HOST is set. Raises UsageError as above."""
    from google.cloud import bigquery

    client = _with_credentials(lambda known: bigquery.Client(project=settings.project, credentials=known), settings, "BIGQUERY")
    _widen_pool(client, connections)
    return client


def _with_credentials(make: Callable[[Any], T], settings: Settings, service: str) -> T:
    """What `make` makes with the credentials for an emulator, or with None, which stands for those that are found."""
    from google.auth.exceptions import GoogleAuthError, RefreshError

    try:
        return make(_credentials(settings, service))
    except RefreshError as error:
        raise UsageError(cloud.refused_credentials(error)) from None
    except (GoogleAuthError, OSError, ValueError, LookupError, TypeError, AttributeError):
        # The library does not look at everything in a file before it uses it.
        raise _no_credentials() from None


def _credentials(settings: Settings, service: str) -> Credentials | None:
    """What an emulator is shown: its token, if it has one. None for the real service: whatever the machine has."""
    from google.auth.credentials import AnonymousCredentials
    from google.oauth2.credentials import Credentials as Bearer

    if not settings.emulator(service):
        return None
    token = settings.values["LOCAL_CLOUD_TOKEN"]
    return Bearer(token) if token else AnonymousCredentials()  # type: ignore[no-untyped-call]


def _widen_pool(client: storage.Client | bigquery.Client, connections: int) -> None:
    """As many kept-alive connections as workers (the default of ten drops and reopens the rest), and an end to
    waiting: for the next byte where the library sets none, and for the whole of an answer."""
    from requests.utils import super_len

    from collector.deadline import SLOWEST, BoundedAdapter, Deadline

    class Bounded(BoundedAdapter):
        def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
            if kwargs.get("timeout") is None:
                kwargs["timeout"] = CLOUD_TIMEOUT
            Deadline(_CLOUD_LONGEST + super_len(request.body or b"") / SLOWEST)
            return super().send(request, *args, **kwargs)

    client._http.mount("https://", Bounded(pool_maxsize=connections))
    client._http.mount("http://", Bounded(pool_maxsize=connections))


def find_bucket(client: storage.Client, settings: Settings, permissions: list[str]) -> storage.Bucket:
    """The bucket. Raises UsageError, with the command that makes it, when it is not there or not ours to use: when one
    of `permissions` (on it and its objects) is missing."""
    from google.api_core import exceptions
    from google.auth.exceptions import GoogleAuthError
    from google.cloud.storage.retry import DEFAULT_RETRY

    patience: dict[str, Any] = {"timeout": 10, "retry": _at_start(DEFAULT_RETRY, settings.emulator("STORAGE"))}
    try:
        try:
            bucket = client.get_bucket(settings.bucket, **patience)
        except exceptions.Forbidden:
            # The role that works with the objects does not show the bucket itself; then its location stays unknown.
            bucket = client.bucket(settings.bucket)
        try:
            missing = cloud.missing_on_bucket(bucket, permissions, **patience)
        except exceptions.NotFound:
            # The emulator has no permissions.
            if not settings.emulator("STORAGE"):
                raise
            missing = []
    except exceptions.NotFound:
        raise UsageError(
            f"bucket {settings.bucket} does not exist; run: gcloud storage buckets create gs://{settings.bucket} "
            f"--project={settings.project} --location={settings.location}"
        ) from None
    except (exceptions.GoogleAPIError, GoogleAuthError, OSError) as error:
        raise _unusable(error, "Cloud Storage", f"bucket {settings.bucket}", settings) from None
    if missing:
        raise UsageError(f"no permission to use bucket {settings.bucket}: {cloud.lacking(missing)}")
    return bucket


def find_dataset(client: bigquery.Client, settings: Settings) -> bigquery.Dataset:
    """The BigQuery dataset. Raises UsageError, with the command that makes it, when it is not there, and when tables in
    it would not last."""
    from google.api_core import exceptions
    from google.auth.exceptions import GoogleAuthError
    from google.cloud.bigquery.retry import DEFAULT_RETRY

    name = f"{settings.project}.{settings.dataset_id}"
    try:
        dataset = client.get_dataset(name, timeout=10, retry=_at_start(DEFAULT_RETRY, settings.emulator("BIGQUERY")))
    except exceptions.NotFound:
        raise UsageError(
            f"BigQuery dataset {name} does not exist; run: bq --location={settings.location} mk --dataset "
            f"{settings.project}:{settings.dataset_id}"
        ) from None
    except (exceptions.GoogleAPIError, GoogleAuthError, OSError) as error:
        raise _unusable(error, "BigQuery", f"dataset {name}", settings) from None
    if wrong := cloud.expiring(dataset):
        raise UsageError(f"dataset {name} {wrong}")
    return dataset


def check_warehouse(client: bigquery.Client, dataset: bigquery.Dataset, settings: Settings) -> None:
    """Raises UsageError when jobs, tables or DML are not allowed. Free, and nothing is changed."""
    from google.api_core import exceptions
    from google.auth.exceptions import GoogleAuthError

    from collector.warehouse import LEDGER

    try:
        missing = cloud.probe_warehouse(client, dataset, LEDGER)
    except (exceptions.GoogleAPIError, GoogleAuthError, OSError) as error:
        raise _unusable(error, "BigQuery", f"dataset {settings.project}.{settings.dataset_id}", settings) from None
    if missing:
        raise UsageError(f"no permission to use dataset {settings.project}.{settings.dataset_id}: {cloud.lacking(missing)}")


def _unusable(error: Exception, service: str, what: str, settings: Settings) -> UsageError:
    """Why a service cannot be used: it refuses, or it cannot be reached."""
    from google.api_core import exceptions

    found = cloud.trouble(service, error)
    text = found.text.removeprefix(f"{service}: ")
    if found.stops and isinstance(error, exceptions.Forbidden):
        return UsageError(f"no permission to use {what} ({text})")
    if found.stops:
        return UsageError(text if text.startswith("the credentials") else f"{what} cannot be used: {text}")
    variable = "STORAGE" if service == "Cloud Storage" else service.upper()
    return UsageError(f"{service} cannot be reached ({_reason(error)}); check the network{_emulator_hint(settings, variable)}")


# The regions that a multi-region or a dual-region takes in; London and Zurich are not in the EU.
_REGIONS = {
    "EU": r"EUR4|EUROPE-(?!(WEST2|WEST6)$).*", "EUR4": "EUROPE-(NORTH1|WEST4)", "EUR5": "EUROPE-WEST[12]", "EUR7": "EUROPE-WEST[23]",
    "EUR8": "EUROPE-WEST[36]", "NAM4": "US-(CENTRAL1|EAST1)", "ASIA1": "ASIA-NORTHEAST[12]",
}  # fmt: skip


def check_locations(bucket: storage.Bucket, dataset: bigquery.Dataset, settings: Settings) -> None:
    """Raises UsageError when BigQuery could not load from the bucket: a dataset in the US takes from anywhere, one in a
    multi-region from what lies in it, one in a region from it and from a pair of regions that it is one of."""
    where, there = (str(place or "").upper() for place in (bucket.location, dataset.location))
    # Of a pair that was put together for the bucket, the location is the continent.
    pair = [str(region).upper() for region in getattr(bucket, "data_locations", None) or ()]
    same = (
        there in ("US", where, *pair)
        or any(re.fullmatch(_REGIONS.get(there, ""), region) for region in (where, *pair))
        or (there != "EU" and where != "EU" and re.fullmatch(_REGIONS.get(where, ""), there))
    )
    if not where and not settings.emulator("STORAGE"):
        log.warning(
            "bucket %s may not be looked at, so its location is not known, and load jobs may be refused; ask for %s",
            settings.bucket, cloud.role_for("storage.buckets.get"),
        )  # fmt: skip
    # The emulators do not keep locations.
    if where and there and not same and not settings.emulator("BIGQUERY"):
        raise UsageError(
            f"bucket {settings.bucket} is in {where} but dataset {settings.dataset_id} is in {there}; "
            f"make one of them anew: bq --location={where} mk --dataset {settings.project}:NEW_NAME"
        )


def _at_start(retry: Retry, emulator: str) -> Retry:
    """Patience for the first question to a service: the libraries' own would say nothing for up to ten minutes.
    An emulator that does not run answers no later; the network may."""
    return retry.with_delay(0.2, 5.0).with_timeout(10.0 if emulator else 60.0)


def _reason(error: BaseException) -> str:
    """Why a service cannot be reached: what the last of several attempts failed with."""
    from collector.api import plain

    return printable(plain(getattr(error, "cause", None) or error))


def _emulator_hint(settings: Settings, service: str) -> str:
    host = settings.emulator(service)
    return f" or start the emulator that {service}_EMULATOR_HOST names ({host})" if host else ""


def first_line(error: BaseException) -> str:
    """The first line of an error's text, at most 200 characters; its type where it says nothing."""
    return printable((str(error).strip().splitlines() or [type(error).__name__])[0])[:200]


def internal(error: BaseException) -> str:
    """What is told of an exception that nobody foresaw; with it goes its traceback at debug level."""
    return f"internal error ({type(error).__name__}: {first_line(error)})"


def main(argv: list[str]) -> int:
    """`settings`: print the effective settings, a NAME=value line each, without the secrets."""
    parser = Parser(prog="deploy_data_collectors.sh", add_help=False)
    parser.add_argument("action", choices=["settings"])
    for setting in SETTINGS:
        if setting.flag:
            parser.add_argument(setting.flag)
    from enhanced_elexon_neso_downloader import BASE_URLS

    settings = load_settings(flags_of(parser.parse_args(argv)), BASE_URLS)
    for name, value in settings.values.items():
        if name not in SECRETS:
            print(f"{name}={value}")
    print(f"API_KEY_PRESENT={'yes' if settings.api_key else 'no'}")
    print(f"API_ENV_EXPOSED={'yes' if settings.is_exposed else 'no'}")
    return DONE


if __name__ == "__main__":
    run("deploy_data_collectors.sh", lambda: main(sys.argv[1:]))
