"""Wrong use and wrong set-up: exit code 2, one line that says what to do, nothing started, nothing changed.

Every case runs a program as a process in a copy of the project (in a folder with a space in its name) whose Pythons
cannot open a connection; what they tried to reach is written down.
"""

from __future__ import annotations

import argparse
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
from conftest import DOWNLOADER, LOADER, ROOT, Place
from hypothesis import given
from hypothesis import strategies as st

import enhanced_bigquery_loader as loader
import enhanced_elexon_neso_downloader as downloader
from collector import command_line
from collector.base.errors import UsageError
from collector.cloud.clients import at_start
from collector.cloud.dataset import check_locations
from collector.program import tasks_of
from collector.settings import SETTINGS as KNOWN
from collector.settings import load_settings, read_api_env
from datasets_config import REGISTRY

DEPLOY = "deploy_data_collectors.sh"
TODAY = date.today()
NO_NETWORK = """
import os, socket

def refuse(*arguments, **_):
    with open(os.environ["CONNECTIONS"], "a") as file:
        file.write(repr(arguments[-1]) + "\\n")
    raise OSError("no network in this test")

socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
"""
EMULATORS = {"STORAGE_EMULATOR_HOST": "http://127.0.0.1:1", "BIGQUERY_EMULATOR_HOST": "http://127.0.0.1:1"}


@dataclass
class Tree:
    """A copy of the project."""

    root: Path
    home: Path
    connections: Path
    env: dict[str, str]

    def run(self, program: str, *arguments: str, env: dict[str, str] | None = None, network: bool = False) -> subprocess.CompletedProcess[str]:
        command = [str(self.root / program)] if program == DEPLOY else [sys.executable, str(self.root / program)]
        own = {**self.env, **(env or {})}
        if network:
            del own["PYTHONPATH"], own["BLOCK"]
        return subprocess.run(
            [*command, *arguments], env=own, cwd=self.home, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, errors="backslashreplace", timeout=120,
        )  # fmt: skip

    def state(self) -> dict[str, bytes]:
        """All files of project and home."""
        return {
            str(path): path.read_bytes() if path.is_file() else b""
            for folder in (self.root, self.home)
            for path in folder.rglob("*")
        }

    def refuses(self, program: str, *arguments: str, says: str, env: dict[str, str] | None = None) -> str:
        """Run what must be refused; the line that it said."""
        before = self.state()
        ran = self.run(program, *arguments, env=env)
        assert ran.returncode == 2, ran
        assert ran.stdout == "", ran
        assert re.fullmatch(rf"{program}: [^\x00-\x1f\x7f]+[;,] [^\x00-\x1f\x7f]+\n", ran.stderr), ran.stderr
        assert re.search(says, ran.stderr), ran.stderr
        assert "Traceback" not in ran.stderr
        assert self.state() == before
        assert not self.connections.exists(), self.connections.read_text()
        return ran.stderr


@pytest.fixture(scope="module")
def shared_tree(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    import hashlib
    import shutil

    top = tmp_path_factory.mktemp("bad")
    root, home, block = top / "a project", top / "home", top / "block"
    for folder in (root / "tests", root / ".venv/bin", root / "logs", home, block):
        folder.mkdir(parents=True)
    shutil.copytree(ROOT / "collector", root / "collector", ignore=shutil.ignore_patterns("__pycache__"))
    for name in (DOWNLOADER, LOADER, DEPLOY, "datasets_config.py", "local_cloud.py", "requirements.lock", "tests/api_standin.py"):
        shutil.copy(ROOT / name, root / name)
    (block / "sitecustomize.py").write_text(NO_NETWORK)
    python = root / ".venv/bin/python"
    # The deploy script takes nothing for Python from its environment.
    python.write_text(f'#!/bin/sh\nPYTHONPATH=$BLOCK PYTHONDONTWRITEBYTECODE=1 exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    digest = hashlib.sha256((root / "requirements.lock").read_bytes()).hexdigest()
    (root / ".venv/.complete").write_text(f"{sys.version_info[0]}.{sys.version_info[1]} {digest}\n")
    env = {
        "PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(block), "BLOCK": str(block), "CONNECTIONS": str(top / "connections"),
        "PYTHONDONTWRITEBYTECODE": "1", "PYTHONWARNINGS": "ignore::FutureWarning",
    }  # fmt: skip
    return Tree(root, home, top / "connections", env)


@pytest.fixture
def tree(shared_tree: Tree) -> Iterator[Tree]:
    yield shared_tree
    shared_tree.connections.unlink(missing_ok=True)
    api_env = shared_tree.root / "api.env"
    if api_env.is_dir() and not api_env.is_symlink():
        api_env.rmdir()
    else:
        api_env.unlink(missing_ok=True)


# --------------------------------------------------------------------------------------------------- bad command lines
# What follows the program's name, and what its line must say. Judged alike by all three programs.
EVERYWHERE: list[tuple[list[str], str]] = [
    # dates that do not exist
    (["--start-date", "2022-02-30"], r"--start-date: '2022-02-30' does not exist in the calendar"),
    (["--end-date", "2023-02-29"], "--end-date: '2023-02-29' does not exist"),
    (["--start-date", "2022-13-01"], "does not exist"),
    (["--start-date", "0000-01-01"], "does not exist"),
    # that are written otherwise
    (["--start-date", "20220101"], "write it YYYY-MM-DD"),
    (["--start-date", "2022-1-1"], "write it YYYY-MM-DD"),
    (["--end-date", "01/02/2022"], "write it YYYY-MM-DD"),
    (["--end-date", "2022-01-01T00:00"], "write it YYYY-MM-DD"),
    (["--end-date", "2022-01-01 "], "write it YYYY-MM-DD"),
    (["--start-date", "2022-W01-1"], "write it YYYY-MM-DD"),
    (["--start-date", "today"], "write it YYYY-MM-DD"),
    (["--start-date", "２０２２-01-01"], "write it YYYY-MM-DD"),
    (["--start-date", "2022\N{NON-BREAKING HYPHEN}01\N{NON-BREAKING HYPHEN}01"], "write it YYYY-MM-DD"),
    (["--start-date", "2022-01-01;ls"], "write it YYYY-MM-DD"),
    (["--start-date", "$(touch x)"], "write it YYYY-MM-DD"),
    # that cannot hold data
    (["--start-date", "2022-02-02", "--end-date", "2022-02-01"], "--end-date 2022-02-01 is before --start-date 2022-02-02; swap"),
    (["--start-date", "2015-12-31"], "before any data; the earliest is 2016-01-01"),
    (["--end-date", "2015-12-31"], "before any data; the earliest is 2016-01-01"),
    (["--start-date", "0001-01-01"], "before any data"),
    (["--start-date", str(TODAY + timedelta(days=2))], "is in the future; the last day that has begun is"),
    (["--end-date", str(TODAY + timedelta(days=2))], "is in the future"),
    (["--end-date", "9999-12-31"], "is in the future"),
    # datasets
    (["--datasets", "frequncy"], "unknown dataset 'frequncy'; did you mean frequency"),
    (["--datasets", "frequency", "generation_output"], "did you mean generation_outturn"),
    (["--datasets", "xyzzy"], "unknown dataset 'xyzzy'; see --list-datasets"),
    (["--datasets", "frequency,market"], "unknown dataset 'market'; "),
    (["--datasets", "raw/../frequency"], "unknown dataset"),
    (["--datasets"], "--datasets"),
    # numbers
    (["--max-workers", "0"], "whole number from 1 to 64"),
    (["--max-workers", "65"], "whole number from 1 to 64"),
    (["--max-workers", "9" * 40], "whole number from 1 to 64"),
    (["--max-workers", "4.0"], "whole number from 1 to 64"),
    (["--max-workers", "four"], "whole number from 1 to 64"),
    (["--max-workers", "٤"], "whole number from 1 to 64"),
    (["--max-workers", "1e1"], "whole number from 1 to 64"),
    # names that Google Cloud would refuse
    (["--project", "Jibber"], "cannot be used; give a Google Cloud project id"),
    (["--project", "abc"], "cannot be used; give a Google Cloud project id"),
    (["--project", "a" * 31], "cannot be used; give a Google Cloud project id"),
    (["--project", "proj`; DROP TABLE x;--"], "cannot be used; give a Google Cloud project id"),
    (["--bucket", "gs://name"], "set by --bucket.* without gs://"),
    (["--bucket", "ab"], "a bucket name"),
    (["--bucket", "Bucket"], "a bucket name"),
    (["--bucket", "bucket/../other"], "a bucket name"),
    (["--bucket", "google-data"], "a bucket name"),
    (["--bucket", "my-google-data"], "a bucket name"),
    (["--bucket", "127.0.0.1"], "a bucket name"),
    (["--bucket", "a..b"], "a bucket name"),
    (["--bucket", "bücket"], "a bucket name"),
    (["--bucket", "a b c"], "a bucket name"),
    (["--bucket", "`touch x`"], "a bucket name"),
    (["--dataset-id", "my-dataset"], "a BigQuery dataset name: letters, digits and underscores"),
    (["--dataset-id", "a.b"], "a BigQuery dataset name"),
    (["--dataset-id", "a`b"], "a BigQuery dataset name"),
    (["--dataset-id", "d" * 1025], "a BigQuery dataset name"),
    (["--dataset-id", "ta\x1b[31mble"], "a BigQuery dataset name"),
    # flags
    (["--start", "2022-01-01"], "--start.*did you mean --start-date"),
    (["--data", "frequency"], "--data"),
    (["--no-such-flag"], "--no-such-flag.*--help"),
    (["frequency"], "frequency.*--help"),
    (["--start-date"], "--start-date.*--help"),
    (["--start-date", "2022-01-01", "--start-date", "2022-01-02"], "--start-date is given twice; give it once"),
    (["--datasets", "frequency", "--datasets", "market_index"], "--datasets is given twice; give it once"),
    (["--bucket", "one-bucket", "--bucket=two-bucket"], "--bucket is given twice"),
]  # fmt: skip
EMPTY = ["--start-date", "--end-date", "--datasets", "--project", "--bucket", "--dataset-id", "--max-workers"]
EVERYWHERE += [([flag, ""], flag) for flag in EMPTY]
ONLY: dict[str, list[tuple[list[str], str]]] = {
    DOWNLOADER: [
        (["--max-days", "0"], "whole number from 1 to 366"),
        (["--max-days", "-1"], "--max-days"),
        (["--max-days", "367"], "whole number from 1 to 366"),
        (["--max-days", "7", "--max-days", "8"], "given twice"),
        (["--request-delay", "-1"], "--request-delay"),
        (["--request-delay", "3601"], "seconds from 0 to 3600"),
        (["--request-delay", "nan"], "seconds from 0 to 3600"),
        (["--request-delay", "inf"], "seconds from 0 to 3600"),
        (["--request-delay", "1e3"], "seconds from 0 to 3600"),
        (["--request-delay", "0,5"], "seconds from 0 to 3600"),
        (["--quiet", "--verbose"], "not allowed with"),
        (["--force=yes"], "--force"),
        (["--verify"], "--verify"),
    ],
    LOADER: [
        (["--verify", "--validate-schema"], "not allowed with"),
        (["--update-schema", "--verify"], "not allowed with"),
        (["--output", "json"], "goes with --verify"),
        (["--without-source"], "goes with --verify"),
        (["--verify", "--force"], "--force goes with loading, not with --verify"),
        (["--validate-schema", "--force"], "--force goes with loading"),
        (["--update-schema", "--dry-run"], "--validate-schema shows what it would change"),
        (["--verify", "--output", "xml"], "--output"),
        (["--max-days", "3"], "--max-days"),
        (["--veri"], "--veri"),
    ],
    DEPLOY: [
        (["--local", "--demo"], "either --local or --demo"),
        (["--dry-run", "--verify-only"], "either --dry-run or --verify-only"),
        (["--max-days", "-1"], "--max-days"),
        (["--max-days", "367"], "whole number from 1 to 366"),
        (["--request-delay", "1"], "unknown option --request-delay"),
        (["--verify"], "unknown option --verify"),
        (["--demo", "--end-date", "2022-02-30"], "does not exist"),
        (["--local", "--bucket", "Bad"], "a bucket name"),
        (["--datasets", "--dry-run"], "--datasets needs a value"),
    ],
}  # fmt: skip
# The script asks the downloader; these show that it does, for each kind of value, and what it judges by itself.
DEPLOYED = [
    case for case in EVERYWHERE
    if case[0][-1] in ("2022-02-30", "20220101", "$(touch x)", "2022-02-01", "2015-12-31", "9999-12-31", "frequncy", "65", "short", "`touch x`", "a`b", "2022-01-02", "--start-date", "")
    or case[0][:1] in (["--start"], ["--no-such-flag"], ["frequency"])
]  # fmt: skip
CASES = [
    *((program, *case) for program in (DOWNLOADER, LOADER) for case in (*EVERYWHERE, *ONLY[program])),
    *((DEPLOY, *case) for case in (*DEPLOYED, *ONLY[DEPLOY])),
]


def test_there_are_enough_bad_command_lines() -> None:
    assert len(CASES) >= 150


def name_of(case: object) -> str | None:
    return " ".join(case)[:40].encode("ascii", "replace").decode() if isinstance(case, list) else None


@pytest.mark.parametrize(("program", "arguments", "says"), CASES, ids=name_of)
def test_bad_command_line(tree: Tree, program: str, arguments: list[str], says: str) -> None:
    tree.refuses(program, *arguments, says=says, env=EMULATORS)


def test_an_argument_that_is_no_text_is_refused(tree: Tree) -> None:
    ran = subprocess.run([sys.executable, tree.root / DOWNLOADER, "--bucket", b"b\xff\x1bucket"], env=tree.env, capture_output=True)
    assert ran.returncode == 2
    assert ran.stderr.count(b"\n") == 1
    assert b"\x1b" not in ran.stderr


# ------------------------------------------------------------------------------------------------------ bad settings
SETTINGS: list[tuple[dict[str, str], str]] = [
    ({"BMRS_BUCKET": "No"}, "'No' .set by BMRS_BUCKET in the environment. cannot be used; give a bucket name"),
    ({"BMRS_PROJECT": "x\ny"}, "BMRS_PROJECT in the environment"),
    ({"BMRS_DATASET": "d-d"}, "BMRS_DATASET in the environment"),
    ({"BMRS_LOCATION": "here; rm -rf /"}, "BMRS_LOCATION in the environment"),
    ({"BMRS_HTTP_TIMEOUT": "0"}, "BMRS_HTTP_TIMEOUT in the environment.*seconds from 1 to 9999"),
    ({"BMRS_HTTP_TIMEOUT": "-5"}, "seconds from 1 to 9999"),
    ({"BMRS_API_KEY": "two words"}, "the value .set by BMRS_API_KEY in the environment. cannot be used; give printable"),
    ({"BMRS_API_KEY": "key\r\nHost: evil"}, "the value .set by BMRS_API_KEY"),
    ({"ELEXON_BASE_URL": "data.elexon.co.uk"}, "ELEXON_BASE_URL in the environment. cannot be used; give an https://"),
    ({"ELEXON_BASE_URL": "http://data.elexon.co.uk/bmrs"}, "an https:// address"),
    ({"ELEXON_BASE_URL": "http://127.evil.example/x"}, "http:// only on this machine"),
    ({"ELEXON_BASE_URL": "http://localhost.evil.example"}, "an https:// address"),
    ({"ELEXON_BASE_URL": "http://127.0.0.1@evil.example"}, "an https:// address"),
    ({"ELEXON_BASE_URL": "https://"}, "an https:// address"),
    ({"ELEXON_BASE_URL": "https://host/v1?key=1"}, "an https:// address"),
    ({"ELEXON_BASE_URL": "https://host/v1?"}, "an https:// address"),
    ({"ELEXON_BASE_URL": "https://host/#"}, "an https:// address"),
    ({"ELEXON_BASE_URL": "https://host:99999"}, "an https:// address"),
    ({"ELEXON_BASE_URL": f"https://{'h' * 64}.example"}, "an https:// address"),
    ({**EMULATORS, "STORAGE_EMULATOR_HOST": f"http://{'h' * 64}:1"}, "STORAGE_EMULATOR_HOST"),
    ({"ELEXON_BASE_URL": "https://host:0"}, "an https:// address"),
    ({"ELEXON_BASE_URL": "https://[::1"}, "an https:// address"),
    ({"ELEXON_BASE_URL": "https://ho st"}, "an https:// address"),
    ({"ELEXON_BASE_URL": "https://h\N{CYRILLIC SMALL LETTER O}st"}, "an https:// address"),
    ({"CARBON_INTENSITY_BASE_URL": "file:///etc/passwd"}, "CARBON_INTENSITY_BASE_URL in the environment"),
    ({"CARBON_INTENSITY_BASE_URL": "https://host\\@evil"}, "CARBON_INTENSITY_BASE_URL in the environment"),
    ({**EMULATORS, "STORAGE_EMULATOR_HOST": "127.0.0.1:4443"}, "STORAGE_EMULATOR_HOST is '127.0.0.1:4443'; give it with its scheme"),
    ({**EMULATORS, "BIGQUERY_EMULATOR_HOST": "localhost:9050"}, "BIGQUERY_EMULATOR_HOST is 'localhost:9050'; give it with"),
    ({**EMULATORS, "STORAGE_EMULATOR_HOST": "http://127.0.0.1:port"}, "STORAGE_EMULATOR_HOST"),
    ({**EMULATORS, "STORAGE_EMULATOR_HOST": "http://127.0.0.1:70000"}, "STORAGE_EMULATOR_HOST"),
    ({**EMULATORS, "STORAGE_EMULATOR_HOST": "http://127.0.0.1:1/storage/v1"}, "STORAGE_EMULATOR_HOST"),
    ({"STORAGE_EMULATOR_HOST": "http://127.0.0.1:1"}, "only one of .* is set; set both"),
    ({"BIGQUERY_EMULATOR_HOST": "http://127.0.0.1:1"}, "only one of .* is set; set both"),
]


@pytest.mark.parametrize(("env", "says"), SETTINGS, ids=lambda case: name_of([f"{k}={v}" for k, v in case.items()]) if isinstance(case, dict) else "")
def test_bad_setting(tree: Tree, env: dict[str, str], says: str) -> None:
    tree.refuses(LOADER, env=env, says=says)


def test_the_deploy_script_judges_settings_too(tree: Tree) -> None:
    for env, says in (SETTINGS[0], SETTINGS[8], SETTINGS[26], SETTINGS[31]):
        tree.refuses(DEPLOY, env=env, says=says)


def test_a_password_in_an_address_is_not_shown(tree: Tree) -> None:
    said = tree.refuses(DOWNLOADER, env={"ELEXON_BASE_URL": "https://me:pa55word@host/v1"}, says="an https:// address")
    assert "pa55word" not in said


# ----------------------------------------------------------------------------------------------------------- api.env
# The file, and what the line says. `in api.env` and the line's number tell where to look.
FILES: list[tuple[bytes, str]] = [
    (b"BMRS_BUCKET=No\n", "'No' .set by BMRS_BUCKET in api.env. cannot be used"),
    (b"\xef\xbb\xbfBMRS_BUCKET=No\r\n", "'No' .set by BMRS_BUCKET in api.env."),
    (b"export BMRS_BUCKET='No'\r\n", "'No' .set by BMRS_BUCKET in api.env."),
    (b"  export   BMRS_BUCKET = \"No\"   # a comment\n", "'No' .set by BMRS_BUCKET in api.env."),
    (b"BMRS_BUCKET=$(touch x)\n", r"'\$\(touch x\)' .set by BMRS_BUCKET in api.env."),
    (b"BMRS_BUCKET=\"`touch x`\"\n", "'`touch x`' .set by BMRS_BUCKET in api.env."),
    (b"BMRS_BUCKET=a; touch x\n", "set by BMRS_BUCKET in api.env"),
    (b"BMRS_BUCKET=${HOME}\n", r"'\$\{HOME\}' .set by BMRS_BUCKET in api.env."),
    (b"BMRS_BUCKET=\"two\\nlines\"\n", "set by BMRS_BUCKET in api.env"),
    (b"BMRS_API_KEY='s3cret with blanks'\n", "the value .set by BMRS_API_KEY in api.env. cannot be used"),
    (b"# fine\n\nBMRS_BUCKET\n", "line 3 of api.env is not NAME=value; mend it or put a # before it"),
    (b"BMRS_PROJECT=abcdef\nBMRS_BUCKET: name\n", "line 2 of api.env is not NAME=value"),
    (b"BMRS_BUCKET='open\n", "line 1 of api.env is not NAME=value"),
    (b"touch x\n", "line 1 of api.env is not NAME=value"),
    (b"BMRS_BUCKET=b\xfccket\n", "api.env cannot be read .*UTF-8"),
    ("BMRS_BUCKET=name\n".encode("utf-16"), "api.env cannot be read .*UTF-8"),
    (b"BMRS_BUCKET=na\x00me\n", "set by BMRS_BUCKET in api.env"),
    (b"BMRS_BUCKET=\x1b[2Jname\n", "set by BMRS_BUCKET in api.env"),
    (b"STORAGE_EMULATOR_HOST=127.0.0.1:1\n", "STORAGE_EMULATOR_HOST is '127.0.0.1:1'"),
]


@pytest.mark.parametrize(("content", "says"), FILES, ids=lambda case: repr(case)[:40] if isinstance(case, bytes) else "")
def test_bad_api_env(tree: Tree, content: bytes, says: str) -> None:
    (tree.root / "api.env").write_bytes(content)
    said = tree.refuses(DOWNLOADER, says=says)
    assert "s3cret" not in said


def test_the_deploy_script_reads_api_env_and_runs_nothing_in_it(tree: Tree) -> None:
    for content, says in (FILES[1], FILES[4], FILES[5], FILES[10], FILES[14]):
        (tree.root / "api.env").write_bytes(content)
        tree.refuses(DEPLOY, says=says)


def test_api_env_is_a_folder(tree: Tree) -> None:
    (tree.root / "api.env").mkdir()
    for program in (LOADER, DEPLOY):
        tree.refuses(program, says="api.env cannot be read .*; make it a readable UTF-8 text file")


def test_api_env_cannot_be_opened(tree: Tree) -> None:
    # Refused to root too, unlike a file without permissions.
    (tree.root / "api.env").symlink_to("api.env")
    tree.refuses(DOWNLOADER, says="api.env cannot be read .*; make it a readable UTF-8 text file")


def test_api_env_without_permission(tmp_path: Path) -> None:
    with mock.patch.object(Path, "read_text", side_effect=PermissionError(13, "Permission denied")), pytest.raises(UsageError, match="cannot be read"):
        read_api_env(tmp_path / "api.env")


def test_good_api_env_is_understood(tmp_path: Path) -> None:
    path = tmp_path / "api.env"
    path.write_bytes(b"\xef\xbb\xbfexport A='x y'\r\nB=\"$(touch x) ${HOME}\"\r\n\r\n# C=1\r\n  D = v#w # comment\r\nE=\r\nA=last\r\n")
    assert read_api_env(path) == {"A": "last", "B": "$(touch x) ${HOME}", "D": "v#w"}
    assert read_api_env(tmp_path / "none") == {}


# ------------------------------------------------------------------------------------------------------------- set-up
LOGIN = "gcloud auth application-default login"


def test_no_credentials(tree: Tree) -> None:
    for program in (DOWNLOADER, LOADER):
        before = tree.state()
        ran = tree.run(program, env={"NO_GCE_CHECK": "true"})
        assert (ran.returncode, ran.stdout) == (2, "")
        assert re.fullmatch(rf"{program}: no Application Default Credentials .*; run: {LOGIN}\n", ran.stderr), ran.stderr
        assert tree.state() == before


def test_a_plan_needs_no_credentials_but_those_that_are_named_are_used(tree: Tree, tmp_path: Path) -> None:
    which = ("--dry-run", "--datasets", "demand_outturn,frequency", "--start-date", "2024-01-01", "--end-date", "2024-01-07")
    for program, told in ((DOWNLOADER, "In all: 2 requests, 0.0 GB of JSON in about"), (LOADER, "(to be created)")):
        before = tree.state()
        ran = tree.run(program, *which, env={"NO_GCE_CHECK": "true"})
        assert (ran.returncode, ran.stderr) == (0, ""), ran.stderr
        assert told in ran.stdout
        assert "\nNo credentials: what is stored and loaded is not known, and everything counts as missing.\n" in ran.stdout
        last = ran.stdout.splitlines()[-1]
        assert re.fullmatch(r"In all.*: [\d.]+ USD once, [\d.]+ USD a month \(list prices \d{4}-\d\d, europe-west2\)\.", last), last
        assert tree.state() == before
        ran = tree.run(program, *which, env={"NO_GCE_CHECK": "true", "GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "none")})
        assert (ran.returncode, ran.stdout) == (2, "")


@pytest.mark.parametrize("content", [None, b"", b"{}", b"not json", b"\xff\xfe", b'{"type":"service_account"}', "folder"])
def test_unusable_credentials_are_named(tree: Tree, tmp_path: Path, content: bytes | str | None) -> None:
    path = tmp_path / "key file.json"
    if isinstance(content, str):
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    tree.refuses(LOADER, env={"GOOGLE_APPLICATION_CREDENTIALS": str(path)}, says=f"GOOGLE_APPLICATION_CREDENTIALS names '.*key file.json'.*{LOGIN}")


def test_a_metadata_server_that_never_answers_does_not_hang_it(tree: Tree) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        host = f"127.0.0.1:{deaf.getsockname()[1]}"
        env = {"GCE_METADATA_HOST": host, "GCE_METADATA_IP": host, "GCE_METADATA_TIMEOUT": "1"}
        ran = tree.run(DOWNLOADER, env=env, network=True)
    assert ran.returncode == 2
    assert LOGIN in ran.stderr
    assert ran.stderr.count("\n") == 1


def test_an_emulator_that_is_not_running_is_named_in_bounded_time(tree: Tree) -> None:
    # tree.run gives up after two minutes, which is how long the library alone would have asked.
    ran = tree.run(LOADER, env=EMULATORS, network=True)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert re.fullmatch(rf"{LOADER}: Cloud Storage cannot be reached \(.*refused.*\); .*http://127.0.0.1:1\)\n", ran.stderr), ran.stderr


def test_patience_at_the_start_is_bounded() -> None:
    from google.cloud.bigquery.retry import DEFAULT_RETRY as ask_bigquery
    from google.cloud.storage.retry import DEFAULT_RETRY as ask_storage

    for retry in (ask_bigquery, ask_storage):
        assert at_start(retry, "http://127.0.0.1:1")._timeout == 10
        assert at_start(retry, "")._timeout == 60


def test_missing_bucket_and_dataset(place: Place) -> None:
    for run in (place.download, place.load):
        ran = run("--bucket", "no-such-bucket")
        assert ran.code == 2
        assert re.search(r"bucket no-such-bucket does not exist; run: gcloud storage buckets create gs://no-such-bucket .*--location=europe-west2\n$", ran.err)
    ran = place.load("--dataset-id", "no_such")
    assert ran.code == 2
    assert re.search(r"BigQuery dataset test-project.no_such does not exist; run: bq --location=europe-west2 mk --dataset test-project:no_such\n$", ran.err)
    assert place.objects("") == {}
    assert list(place.bq.list_tables(place.dataset_id)) == []
    assert place.requests() == []


LOCATIONS = [
    ("EUROPE-WEST2", "europe-west2", True), ("EU", "EU", True), ("US", "EU", False), ("EUROPE-WEST1", "EU", True),
    ("EUROPE-WEST2", "EU", False), ("EUROPE-WEST2", "US", True), ("US-CENTRAL1", "US", True), ("EU", "europe-west2", False),
    ("EUROPE-WEST6", "EU", False), ("EUROPE-WEST12", "EU", True), ("EUR4", "EU", True),
]  # fmt: skip


@pytest.mark.parametrize(("bucket", "dataset", "together"), LOCATIONS)
def test_bucket_and_dataset_must_be_in_one_place(bucket: str, dataset: str, together: bool) -> None:
    settings = SimpleNamespace(emulator=lambda _service: "", bucket="b", dataset_id="d", project="p")
    check: Callable[[], Any] = lambda: check_locations(SimpleNamespace(location=bucket), SimpleNamespace(location=dataset), settings)  # type: ignore[arg-type]  # noqa: E731
    if together:
        check()
    else:
        with pytest.raises(UsageError, match=f"is in {bucket} but dataset d is in {dataset.upper()}; .*bq --location={bucket} mk"):
            check()


def test_nothing_is_made_for_wrong_use_on_a_fresh_checkout(tree: Tree, tmp_path: Path) -> None:
    """Before there is an environment, the system's Python judges."""
    import shutil

    fresh = Tree(tmp_path / "fresh one", tree.home, tree.connections, tree.env)
    shutil.copytree(tree.root, fresh.root, ignore=shutil.ignore_patterns(".venv", "logs"))
    fresh.refuses(DEPLOY, "--datasets", "frequncy", says="did you mean frequency")
    assert not (fresh.root / ".venv").exists()
    assert not (fresh.root / "logs").exists()


# --------------------------------------------------------------------------------------------------------------- fuzz
FLAGS = st.sampled_from([
    "--start-date", "--end-date", "--datasets", "--bucket", "--project", "--dataset-id", "--max-days", "--max-workers",
    "--request-delay", "--force", "--dry-run", "--verify", "--output", "--quiet", "--verbose", "--", "-", "--x", "-h=",
])  # fmt: skip
WORDS = st.one_of(
    FLAGS, st.text(max_size=20), st.sampled_from(list(REGISTRY)), st.dates().map(str), st.integers().map(str), st.floats().map(str),
    st.tuples(FLAGS, st.text(max_size=10)).map("=".join),
)  # fmt: skip


@given(st.lists(WORDS, max_size=8))
def test_any_command_line_is_taken_or_refused_in_one_line(words: list[str]) -> None:
    import contextlib
    import io

    for program in (downloader, loader):
        said = io.StringIO()
        try:
            with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
                arguments = program.build_parser().parse_args(words)
                tasks = tasks_of(arguments)
        except UsageError as error:
            assert "; " in str(error)
        except SystemExit as stop:
            if stop.code != 0:  # 0: --help was among them
                assert stop.code == 2
                assert said.getvalue().count("\n") == 1
                assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", said.getvalue())
        else:
            assert all(task.dataset.first_day <= task.first for task in tasks)
            assert all(task.last <= TODAY + timedelta(days=1) for task in tasks)


@given(st.dictionaries(st.sampled_from([s.variable for s in KNOWN]), st.text(st.characters(exclude_characters="\0"), max_size=30)))
def test_any_environment_is_taken_or_refused(env: dict[str, str]) -> None:
    with mock.patch.dict(os.environ, {}, clear=True), mock.patch("collector.settings.read_api_env", lambda: env):
        try:
            settings = load_settings({}, downloader.BASE_URLS)
        except UsageError:
            return
    for name, value in settings.values.items():
        assert not re.search(r"[\s\x00-\x1f`'\"$;]", value) or name == "BMRS_API_KEY", (name, value)


@given(st.binary(max_size=200) | st.text(max_size=100).map(lambda text: f"BMRS_BUCKET={text}\n".encode("utf-8", "surrogatepass")))
def test_any_api_env_is_taken_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.env"
    path.write_bytes(content)
    try:
        found = read_api_env(path)
    except UsageError as error:
        assert "; " in str(error)
    else:
        assert all(found.values())


@given(st.text())
def test_any_text_as_a_value(text: str) -> None:
    for parse in (command_line.parse_day, command_line.whole_number(1, 64), command_line.seconds, command_line.dataset_names):
        try:
            parse(text)
        except argparse.ArgumentTypeError as error:
            assert "; " in str(error)
