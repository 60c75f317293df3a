"""Settings: a flag, else the environment, else `api.env` in the project's root, else the default."""

from __future__ import annotations

import io
import os
import re
import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import urlsplit

from collector.base.errors import UsageError
from collector.base.names import PLACES
from collector.base.process import log
from collector.base.text import hide
from collector.registry.model import SOURCES

ROOT = Path(__file__).resolve().parent.parent
API_ENV = ROOT / "api.env"


@dataclass(frozen=True)
class Setting:
    """One setting: its environment variable, default, flag, and the pattern its value must match, or what judges it."""

    variable: str
    default: str
    flag: str = ""
    pattern: str = ""
    rule: str = ""
    judge: Callable[[str], bool] | None = None


def _is_webhook(text: str) -> bool:
    # What chat tools hand out has its secret in path or query.
    address, _, query = text.partition("?")
    return _is_base_url(address) and not re.search(r"[^\x21-\x7e]|#", query)


def _is_command(text: str) -> bool:
    try:
        return bool(shlex.split(text)) and text.isprintable()
    except ValueError:
        return False


_URL_RULE = "an https:// address without query (http:// only on this machine)"
_ADDRESS = re.compile(r"(https?)://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?")
THIS_MACHINE = re.compile(r"localhost|127(\.[0-9]{1,3}){3}|\[::1\]")


def is_near(url: str) -> bool:
    """Whether it is of this machine."""
    host = urlsplit(url).hostname or ""
    return bool(THIS_MACHINE.fullmatch(f"[{host}]" if ":" in host else host))


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
    *(Setting(source.variable, "", rule=_URL_RULE) for source in SOURCES),
    Setting("BMRS_HTTP_TIMEOUT", "60", "", r"[1-9][0-9]{0,3}", "a number of seconds from 1 to 9999"),
    Setting("BMRS_API_KEY", "", "", r"[\x21-\x7e]*", "printable characters without spaces"),
    Setting("BMRS_KEEP_LOGS", "90", "", r"[1-9][0-9]{0,4}", "a number of runs from 1 to 99999"),
    Setting("BMRS_NOTIFY_URL", "", rule="an https:// address (http:// only on this machine)", judge=_is_webhook),
    Setting("BMRS_NOTIFY_COMMAND", "", rule="a program and its arguments in one line, quoted as for a shell", judge=_is_command),
    Setting("STORAGE_EMULATOR_HOST", ""),
    Setting("BIGQUERY_EMULATOR_HOST", ""),
    Setting("LOCAL_CLOUD_TOKEN", "", "", r"[\x21-\x7e]*", "printable characters without spaces"),
)  # fmt: skip
SECRETS = ("BMRS_API_KEY", "BMRS_NOTIFY_URL", "LOCAL_CLOUD_TOKEN")


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
    _refuse_misspelt(os.environ, "the environment")
    _refuse_misspelt(from_file, API_ENV.name)
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
        wrong = setting.pattern != "" and not re.fullmatch(setting.pattern, value, re.ASCII)
        wrong = wrong or (setting.judge is not None and value != "" and not setting.judge(value))
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
        hide(values[name])
    if bool(values["STORAGE_EMULATOR_HOST"]) != bool(values["BIGQUERY_EMULATOR_HOST"]):
        # The real BigQuery would load what the real bucket holds under the names that the emulator lists.
        raise UsageError(
            "only one of STORAGE_EMULATOR_HOST and BIGQUERY_EMULATOR_HOST is set; "
            "set both for emulators, or neither for Google Cloud"
        )
    is_exposed = any(from_file.get(name) for name in SECRETS) and bool(API_ENV.stat().st_mode & 0o044)
    return Settings(values, origins, is_exposed)


def _refuse_misspelt(names: Iterable[str], where: str) -> None:
    """Raises UsageError for a name that is meant to be one of ours and is none: what it sets would count for nothing."""
    known = [setting.variable for setting in SETTINGS]
    for name in sorted(set(names) - set(known)):
        near = get_close_matches(name.upper(), known, n=1, cutoff=0.6 if name.startswith("BMRS_") else 0.9)
        if name.startswith("BMRS_") or (near and not name.startswith(("GOOGLE_", "LOCAL_CLOUD_"))):
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
            raise UsageError(f"{name} in {where} is no setting; {hint}")


def require_places(settings: Settings) -> None:
    """Raises UsageError where the real cloud would be used, and nobody has said which project and bucket."""
    if told := unconfirmed(settings):
        raise UsageError(told)


def unconfirmed(settings: Settings) -> str:
    """Which project and bucket of the real cloud would be used though nobody has set them, and what to do; "" for none."""
    unset = [
        s for s in SETTINGS if s.flag in ("--project", "--bucket") and settings.origins[s.variable] == "the default"
    ]
    if not unset or settings.emulator("STORAGE"):
        return ""
    told = ", ".join(f"{s.variable} (built in: {s.default})" for s in unset)
    flags = " ".join(f"{s.flag} {s.default}" for s in unset)
    return f"nobody has set {told}; set what is yours in api.env, or confirm what is built in with {flags}"


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
