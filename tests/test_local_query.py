"""local_cloud.py query: one command from SQL to an answer, over tables that an emulator kept."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import local_cloud
from collector import local_query
from collector.local_query import Answer, Column
from local_cloud import LocalCloud

SCRIPT = Path(local_cloud.__file__)
NAMES = ("test-project", "test-bucket", "test_dataset")
PLACE = ("--project", NAMES[0], "--dataset-id", NAMES[2])
ALL_TYPES = """
SELECT 9007199254740993 AS whole, 0.5 AS half, CAST('nan' AS FLOAT64) AS nan, NUMERIC '1.5' AS exact, TRUE AS yes, 'a, "b"\\nc' AS text,
  DATE '2022-10-30' AS day, TIMESTAMP '2022-10-30 00:30:00.5' AS moment, [1, 2] AS several, STRUCT(1 AS x, 'y' AS y) AS pair,
  CAST(NULL AS STRING) AS nothing
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data that an emulator left: a table of 25,000 rows and one of none."""
    data = tmp_path_factory.mktemp("data") / "it's [my] data"
    with LocalCloud(data, *NAMES) as cloud:
        for sql in (
            "CREATE TABLE test_dataset.elexon_frequency AS SELECT n, 'x' AS text FROM UNNEST(GENERATE_ARRAY(1, 25000)) AS n",
            "CREATE TABLE test_dataset.elexon_demand_outturn (a INT64)",
        ):
            url = f"{cloud.bigquery_url}/bigquery/v2/projects/{NAMES[0]}/queries"
            status, text = cloud.request("POST", url, {"query": sql, "useLegacySql": False})
            assert status == 200, text
    return data


def ask(folder: Path, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), "query", "--data-dir", str(folder), *PLACE, *arguments]
    env = {name: value for name, value in os.environ.items() if name not in ("BIGQUERY_EMULATOR_HOST", "LOCAL_CLOUD_TOKEN")}
    return subprocess.run(command, **{"capture_output": True, "text": True, "env": env, **options})


def left_running(folder: Path) -> list[str]:
    """Processes of this machine that run in the data folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*/cwd"):
        with contextlib.suppress(OSError):
            if process.readlink() == folder:
                found.append((process.parent / "cmdline").read_text())
    return found


# ----------------------------------------------------------------------------------------------- from SQL to an answer
@pytest.mark.emulators
def test_a_table_from_any_folder_without_naming_project_or_dataset(folder: Path, tmp_path: Path) -> None:
    done = ask(folder, "SELECT text, COUNT(*) AS number FROM elexon_frequency GROUP BY text", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split() for line in done.stdout.splitlines()] == [["text", "number"], ["----", "------"], ["x", "25000"]]
    assert not left_running(folder)


@pytest.mark.emulators
def test_a_long_answer_is_shown_in_part_and_written_whole(folder: Path, tmp_path: Path) -> None:
    sql = "SELECT * FROM elexon_frequency ORDER BY n"
    shown = ask(folder, sql).stdout.splitlines()
    assert len(shown) == 2 + local_query.ROWS_SHOWN + 1
    assert shown[-1] == "the first 200 of 25,000 rows; --csv FILE has all"
    file = tmp_path / "an answer.csv"
    assert ask(folder, "--csv", str(file), sql).stderr.startswith("local_cloud: 25,000 rows are in ")
    with file.open() as rows:
        assert [int(row["n"]) for row in csv.DictReader(rows)] == list(range(1, 25_001))
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


@pytest.mark.emulators
def test_each_type_as_json_and_as_parquet(folder: Path, tmp_path: Path) -> None:
    (row,) = json.loads(ask(folder, "--json", ALL_TYPES).stdout)
    assert row == {
        "whole": 9007199254740993, "half": 0.5, "nan": "NaN", "exact": "1.5", "yes": True, "text": 'a, "b"\nc', "day": "2022-10-30",
        "moment": "2022-10-30T00:30:00.500000Z", "several": [1, 2], "pair": {"x": 1, "y": "y"}, "nothing": None,
    }  # fmt: skip
    file = tmp_path / "an answer.parquet"
    assert ask(folder, "--parquet", str(file), ALL_TYPES).returncode == 0
    look = "import duckdb, sys; a = duckdb.read_parquet(sys.argv[1]); print(dict(zip(a.columns, map(str, a.types)))); print(a.project('whole, half').fetchone())"
    python = str(local_cloud.environment_folder() / "bin/python")
    types, values = subprocess.run([python, "-c", look, str(file)], capture_output=True, text=True, check=True).stdout.splitlines()
    for name, kind in {"whole": "BIGINT", "half": "DOUBLE", "day": "DATE", "moment": "TIMESTAMP WITH TIME ZONE", "several": "BIGINT[]"}.items():
        assert f"'{name}': '{kind}'" in types
    assert values == "(9007199254740993, 0.5)"


@pytest.mark.emulators
@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SELEC 1", "Syntax error.*"),
        ("SELECT nonsense FROM elexon_frequency", "Unrecognized name: nonsense.*"),
        ("SELECT * FROM demand_outturn", "there is no table demand_outturn in test_dataset; did you mean elexon_demand_outturn\\? It has elexon_demand_outturn, elexon_frequency"),
        ("SELECT * FROM other.elexon_frequency", "there is no dataset other here; there is test_dataset"),
        ("SELECT * FROM `my-cloud.uk.elexon_frequency`", "project my-cloud is not here; leave it out: uk.elexon_frequency"),
    ],
)
def test_what_cannot_be_answered_is_one_line_and_1(folder: Path, sql: str, words: str) -> None:
    done = ask(folder, sql)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(f"local_cloud: {words}\n", done.stderr), done.stderr


@pytest.mark.emulators
def test_what_serve_runs_is_asked_where_it_is_exported(folder: Path) -> None:
    with LocalCloud(folder, *NAMES) as cloud:
        env = {**os.environ, **cloud.env}
        done = subprocess.run([sys.executable, SCRIPT, "query", "SELECT 1 AS one"], capture_output=True, text=True, env=env)
        assert (done.returncode, done.stdout.split()) == (0, ["one", "---", "1"]), done.stderr
        refused = ask(folder, "SELECT 1")
    assert refused.returncode == 2
    assert "use the exports that it printed" in refused.stderr


@pytest.mark.emulators
@pytest.mark.parametrize("moment", ["at once", pytest.param("over its answer", marks=pytest.mark.long)])
def test_ctrl_c_is_one_line_and_130_and_leaves_nothing(folder: Path, moment: str, tmp_path: Path) -> None:
    slow = "SELECT COUNT(*) FROM UNNEST(GENERATE_ARRAY(1, 300000)) a, UNNEST(GENERATE_ARRAY(1, 300000)) b WHERE a * b = 7"
    pid, terminal = pty.fork()
    if not pid:
        os.execv(sys.executable, [sys.executable, str(SCRIPT), "query", "--data-dir", str(folder), *PLACE, "--csv", str(tmp_path / "a.csv"), slow])
    deadline = time.monotonic() + 60
    while not (left_running(folder) if moment == "at once" else _asked(folder)):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.write(terminal, b"\x03")
    seen = b""
    with contextlib.suppress(OSError):
        while more := os.read(terminal, 1000):
            seen += more
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 128 + signal.SIGINT
    os.close(terminal)
    assert seen.replace(b"^C", b"").split(b"\r\n") == [b"local_cloud: stopped", b""]
    assert not left_running(folder)
    assert not list(tmp_path.iterdir())


def _asked(folder: Path) -> bool:
    """Has the emulator taken more processor time than its start does: the slow query is under way?"""
    for process in Path("/proc").glob("[0-9]*/cwd"):
        with contextlib.suppress(OSError):
            if process.readlink() == folder:
                fields = (process.parent / "stat").read_text().rpartition(")")[2].split()
                if int(fields[11]) > 12 * os.sysconf("SC_CLK_TCK"):
                    return True
    return False


# ------------------------------------------------------------------------------------------------------------ wrong use
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--data-dir", "{}/none", "SELECT 1"], "nothing is collected in {}/none yet; run: "),
        (["--data-dir", "{}", " "], "the query is empty; "),
        (["--data-dir", "{}", "--csv", "{}", "SELECT 1"], "cannot write {}: it is a folder; "),
        (["--data-dir", "{}", "--parquet", "{}/no/a", "SELECT 1"], "cannot write {}/no/a: its folder is not there; "),
        (["--data-dir", "{}", "--demo", "SELECT 1"], "not allowed with argument"),
        (["--json", "--csv", "a", "SELECT 1"], "not allowed with argument"),
        ([], "SQL"),
    ],
)
def test_wrong_use_is_one_line_and_2(arguments: list[str], words: str, tmp_path: Path) -> None:
    env = {name: value for name, value in os.environ.items() if name != "BIGQUERY_EMULATOR_HOST"}
    given = [argument.replace("{}", str(tmp_path)) for argument in arguments]
    done = subprocess.run([sys.executable, SCRIPT, "query", *given], capture_output=True, text=True, env=env)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"local_cloud: .*; .*\n", done.stderr), done.stderr
    assert words.replace("{}", str(tmp_path)) in done.stderr
    assert not (tmp_path / "none").exists()


# ---------------------------------------------------------------------------------------------------------- the table
class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def printed(monkeypatch: pytest.MonkeyPatch, width: int, columns: dict[str, str], *rows: list[Any]) -> list[str]:
    monkeypatch.setenv("COLUMNS", str(width))
    output = Terminal()
    described = [Column(name, kind, False, ()) for name, kind in columns.items()]
    local_query.print_table(Answer(described, iter(rows), len(rows)), output)
    return output.getvalue().splitlines()


WIDE = {"settlement_date": "DATE", "initial_transmission_system_demand_outturn": "INTEGER", "warning_text": "STRING"}
TEXT = "Électricity margin\nnotice\x1b[31m " + "and more " * 20


@pytest.mark.parametrize("width", [200, 100, 60, 40])
def test_a_table_is_no_wider_than_the_terminal_and_cuts_no_number(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    lines = printed(monkeypatch, width, WIDE, ["2022-10-30", 123_456_789, TEXT])
    assert max(map(len, lines)) <= width
    assert "2022-10-30" in lines[-1] and "123456789" in lines[-1]
    assert "Électricity"[: width // 8] in lines[-1]
    assert not any("\x1b" in line for line in lines)


def test_where_not_even_the_numbers_fit_each_value_has_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = {f"number_{i}": "INTEGER" for i in range(5)}
    assert printed(monkeypatch, 30, numbers, [1_000_000_000 + i for i in range(5)]) == [f"number_{i}  100000000{i}" for i in range(5)]


def test_heads_are_broken_where_names_have_their_joints(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = printed(monkeypatch, 24, {"initial_demand_outturn": "INTEGER", "settlement_period": "INTEGER"}, [1, 2])
    assert lines == ["initial_", " demand_  settlement_", " outturn       period", "--------  -----------", "       1            2"]


def test_nothing_found_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert printed(monkeypatch, 80, {"a": "INTEGER"})[-1] == "no rows"
