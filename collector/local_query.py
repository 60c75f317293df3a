"""SQL for the BigQuery emulator, and its answer as a table, CSV, JSON or Parquet: what `local_cloud.py query` does.

Asks by REST, with the standard library alone, so that any Python can start it and no client library is needed.
"""

from __future__ import annotations

import contextlib
import csv
import difflib
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, NamedTuple, TextIO
from urllib.parse import quote

from collector.base.text import printable

# How a program in Python reaches what `serve` runs, in a shell that has its exports.
CLIENT = """\
import os
from google.cloud import bigquery
from google.oauth2.credentials import Credentials

config = bigquery.QueryJobConfig(default_dataset="{BMRS_PROJECT}.{BMRS_DATASET}".format(**os.environ))
client = bigquery.Client(os.environ["BMRS_PROJECT"], Credentials(os.environ["LOCAL_CLOUD_TOKEN"]), default_query_job_config=config)
"""
# A request to the project, its path and its body: the status and the text of the answer.
Ask = Callable[[str, str, "dict[str, Any] | None"], "tuple[int, str]"]
Row = list[Any]
# Of a longer answer a table shows only the beginning.
ROWS_SHOWN = 200
_PAGE = 20_000
_WAIT_MS = 10_000
_NAMES_TOLD = 15
_GAP = "  "
_ELLIPSIS = "…"
_LEAST_TEXT = 10
# BigQuery's types as DuckDB, which writes Parquet, has them.
_DUCKDB = {
    "INTEGER": "BIGINT", "FLOAT": "DOUBLE", "BOOLEAN": "BOOLEAN", "DATE": "DATE", "TIMESTAMP": "TIMESTAMPTZ", "DATETIME": "TIMESTAMP",
    "TIME": "TIME", "NUMERIC": "DECIMAL(38, 9)",
}  # fmt: skip
# argv: a folder with the rows as objects, a line each, in "lines"; the columns as JSON. Strings may be long.
_WRITE_PARQUET = """
import json, sys, duckdb
folder, columns = sys.argv[1], json.loads(sys.argv[2])
rows = duckdb.read_json(folder + "/lines", format="newline_delimited", columns=columns, maximum_object_size=1 << 28)
rows.write_parquet(folder + "/rows", compression="zstd")
"""


class QueryError(Exception):
    """The query has no answer: why, in one line. Exit code 1."""


class Column(NamedTuple):
    """A column of an answer: BigQuery's name and type of it, and what a RECORD consists of."""

    name: str
    type: str
    is_list: bool
    parts: tuple[Column, ...]

    @classmethod
    def of(cls, field: dict[str, Any]) -> Column:
        """From a field of a schema as the API tells it."""
        return cls(
            field["name"], field["type"], field.get("mode") == "REPEATED", tuple(map(cls.of, field.get("fields", ())))
        )

    @property
    def is_number(self) -> bool:
        return self.type in ("INTEGER", "FLOAT", "NUMERIC", "BIGNUMERIC") and not self.is_list

    def value(self, sent: Any) -> Any:
        """What the API sent, as JSON has it; what JSON has no number for stays text."""
        if sent is None:
            return None
        if self.is_list:
            return [self._replace(is_list=False).value(item["v"]) for item in sent]
        if self.type == "RECORD":
            return {part.name: part.value(item["v"]) for part, item in zip(self.parts, sent["f"], strict=True)}
        if self.type == "INTEGER":
            return int(sent)
        if self.type == "FLOAT":
            return float(sent) if re.fullmatch(r"[-+.\deE]+", sent) else sent
        if self.type == "BOOLEAN":
            return sent == "true"
        if self.type == "TIMESTAMP":
            moment = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=int(sent))
            return moment.isoformat().replace("+00:00", "Z")
        return sent

    @property
    def duckdb(self) -> str:
        """Its type in DuckDB."""
        if self.type == "RECORD":
            parts = ('"{}" {}'.format(part.name.replace('"', '""'), part.duckdb) for part in self.parts)
            kind = f"STRUCT({', '.join(parts)})"
        else:
            kind = _DUCKDB.get(self.type, "VARCHAR")
        return f"{kind}[]" if self.is_list else kind


class Answer(NamedTuple):
    """Columns, rows as they come, and how many there are. changed: rows that a statement changed which answers nothing."""

    columns: list[Column]
    rows: Iterator[Row]
    total: int
    changed: int | None = None


# ------------------------------------------------------------------------------------------------------ question and answer
def answer_of(ask: Ask, dataset: str, sql: str) -> Answer:
    """What BigQuery answers to `sql`, whose tables are those of `dataset` where it names no other. Raises QueryError, and
    OSError when the emulator gives no answer."""
    times = {"useInt64Timestamp": True}
    body = {
        "query": sql,
        "useLegacySql": False,
        "defaultDataset": {"datasetId": dataset},
        "formatOptions": times,
        "timeoutMs": _WAIT_MS,
        "maxResults": _PAGE,
    }
    status, text = ask("POST", "queries", body)
    if status != 200:
        raise QueryError(_why(ask, dataset, text))
    first = json.loads(text)
    job = f"queries/{quote(first['jobReference']['jobId'])}?formatOptions.useInt64Timestamp=true&maxResults={_PAGE}"

    def more(parameters: str) -> dict[str, Any]:
        status, text = ask("GET", job + parameters, None)
        if status != 200:
            raise QueryError(_why(ask, dataset, text))
        page: dict[str, Any] = json.loads(text)
        return page

    while not first.get("jobComplete"):
        first = more(f"&timeoutMs={_WAIT_MS}")
    columns = [Column.of(field) for field in first.get("schema", {}).get("fields", ())]

    def rows() -> Iterator[Row]:
        page = first
        while True:
            for row in page.get("rows", ()):
                yield [column.value(cell["v"]) for column, cell in zip(columns, row["f"], strict=True)]
            if not page.get("pageToken"):
                return
            page = more(f"&pageToken={quote(page['pageToken'])}")

    changed = first.get("numDmlAffectedRows")
    return Answer(columns, rows(), int(first.get("totalRows") or 0), None if changed is None else int(changed))


def _why(ask: Ask, dataset: str, text: str) -> str:
    """Why there is no answer, in one line; of a name that is not there, which there are."""
    try:
        message = str(json.loads(text)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        message = text
    message = printable(" ".join(message.split()))
    named = re.match(
        r"(?:Not found|Access Denied): (?:Table|Dataset) (?:(?P<project>[^:\s]+):)?(?P<dataset>[^.\s:]+)(?:\.(?P<table>[^\s:]+))?",
        message,
    )
    if not named:
        return message
    datasets = _listed(ask, "datasets", "dataset")
    if message.startswith("Access"):
        return f"project {named['project']} is not here; leave it out: {named['dataset']}.{named['table']}"
    if named["dataset"] not in datasets:
        return f"there is no dataset {named['dataset']} here; there is {', '.join(datasets) or 'none'}"
    tables = _listed(ask, f"datasets/{quote(named['dataset'])}/tables", "table")
    if not tables:
        return f"there is no table {named['table']}: nothing is loaded into {named['dataset']} yet"
    near = difflib.get_close_matches(str(named["table"]), tables, n=1)
    told = ", ".join(tables[:_NAMES_TOLD]) + (
        f" and {len(tables) - _NAMES_TOLD} more" if len(tables) > _NAMES_TOLD else ""
    )
    hint = f"did you mean {near[0]}? " if near else ""
    return f"there is no table {named['table']} in {named['dataset']}; {hint}It has {told}"


def _listed(ask: Ask, path: str, kind: str) -> list[str]:
    status, text = ask("GET", f"{path}?maxResults=1000", None)
    found = json.loads(text).get(f"{kind}s", ()) if status == 200 else ()
    return sorted(item[f"{kind}Reference"][f"{kind}Id"] for item in found)


# -------------------------------------------------------------------------------------------------------------- as a table
def print_table(answer: Answer, output: TextIO) -> None:
    """The answer for people: as wide as the terminal at most; a row below the other where not even that fits."""
    rows = [row for row, _ in zip(answer.rows, range(ROWS_SHOWN), strict=False)]
    if not answer.columns:
        print("done" if answer.changed is None else f"{answer.changed:,} rows changed", file=output)
        return
    cells = [[_cell(value) for value in row] for row in rows]
    # Nobody cuts what goes into a pipe or a file.
    width = shutil.get_terminal_size().columns if output.isatty() else 1 << 30
    print("\n".join(_table(answer.columns, cells, width) or _list(answer.columns, cells)), file=output)
    if not rows:
        print("no rows", file=output)
    elif answer.total > len(rows):
        print(f"the first {len(rows):,} of {answer.total:,} rows; --csv FILE has all", file=output)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        short = f"{value:.4f}".rstrip("0").rstrip(".")
        return short if 1e-3 <= abs(value) < 1e15 else f"{value:g}"
    if isinstance(value, (dict, list)):
        value = json.dumps(value, ensure_ascii=False)
    return "" if value is None else printable(" ".join(str(value).split()))


def _table(columns: list[Column], cells: list[list[str]], width: int) -> list[str]:
    """Its lines; none where the numbers alone are too wide. Heads are broken before values are cut, and no number is cut."""
    values = [max((len(row[i]) for row in cells), default=0) for i in range(len(columns))]
    room = width - len(_GAP) * (len(columns) - 1)
    wide = [max(value, len(column.name)) for value, column in zip(values, columns, strict=True)]
    if sum(wide) > room:
        wide = [max(value, *map(len, _parts(column.name))) for value, column in zip(values, columns, strict=True)]
    while sum(wide) > room:
        texts = [
            i
            for i, column in enumerate(columns)
            if not column.is_number and wide[i] > _LEAST_TEXT and values[i] == wide[i]
        ]
        if not texts or any(len(part) > room for column in columns for part in _parts(column.name)):
            return []
        longest = max(texts, key=lambda i: wide[i])
        least = max(_LEAST_TEXT, *map(len, _parts(columns[longest].name)))
        cut = max(least, wide[longest] - (sum(wide) - room))
        if cut == wide[longest]:
            return []
        wide[longest], values[longest] = cut, 0
    heads = [_broken(column.name, limit) for column, limit in zip(columns, wide, strict=True)]
    height = max(map(len, heads))
    lines = [[""] * (height - len(head)) + head for head in heads]
    head = [[lines[i][n] for i in range(len(columns))] for n in range(height)]
    return [_line(row, columns, wide) for row in [*head, ["-" * limit for limit in wide], *cells]]


def _parts(name: str) -> list[str]:
    """A name, cut behind its underscores."""
    return re.findall(r"[^_]*_|[^_]+", name)


def _broken(name: str, limit: int) -> list[str]:
    """A name in lines of at most `limit`, none of whose parts is longer."""
    lines = [""]
    for part in _parts(name):
        if len(lines[-1] + part) > limit and lines[-1]:
            lines.append("")
        lines[-1] += part
    return lines


def _line(row: list[str], columns: list[Column], wide: list[int]) -> str:
    cut = [text if len(text) <= limit else text[: limit - 1] + _ELLIPSIS for text, limit in zip(row, wide, strict=True)]
    placed = (text.rjust(w) if c.is_number else text.ljust(w) for text, c, w in zip(cut, columns, wide, strict=True))
    return _GAP.join(placed).rstrip()


def _list(columns: list[Column], cells: list[list[str]]) -> list[str]:
    """A line a value, a blank line between rows."""
    width = max(len(column.name) for column in columns)
    return [
        line
        for row in cells
        for line in (*(f"{c.name:<{width}}  {text}".rstrip() for c, text in zip(columns, row, strict=True)), "")
    ][:-1]


# ---------------------------------------------------------------------------------------------------------------- as a file
def print_json(answer: Answer, output: TextIO) -> None:
    """The rows as one array, an object a line."""
    output.write("[")
    for number, line in enumerate(_objects(answer)):
        output.write(f"{',' if number else ''}\n{line}")
    output.write("\n]\n")


def _objects(answer: Answer) -> Iterator[str]:
    names = [column.name for column in answer.columns]
    return (json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False) for row in answer.rows)


def print_csv(answer: Answer, output: TextIO) -> None:
    """The rows as CSV with a head; a null is empty, what is nested is JSON."""
    writer = csv.writer(output, lineterminator="\n")
    writer.writerow(column.name for column in answer.columns)
    for row in answer.rows:
        writer.writerow(
            json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else _plain(value) for value in row
        )


def _plain(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


def write_csv(answer: Answer, path: Path, _python: Path) -> None:
    """The same into a file, which is there whole or not at all. Raises OSError."""
    with _folder_beside(path) as folder:
        with (folder / "rows").open("w", encoding="utf-8", newline="") as file:
            print_csv(answer, file)
        (folder / "rows").replace(path)


def write_parquet(answer: Answer, path: Path, python: Path) -> None:
    """The rows as a Parquet file, made by the DuckDB of the emulators' Python. Raises OSError, QueryError."""
    with _folder_beside(path) as folder:
        with (folder / "lines").open("w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in _objects(answer))
        columns = {column.name: column.duckdb for column in answer.columns}
        command = [str(python), "-I", "-c", _WRITE_PARQUET, str(folder), json.dumps(columns)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        if done.returncode:
            raise QueryError(f"no Parquet file could be made: {printable(' '.join(done.stderr.split()[-40:]))}")
        (folder / "rows").replace(path)


@contextlib.contextmanager
def _folder_beside(path: Path) -> Iterator[Path]:
    """A folder on the same file system: what is made there takes the place of `path` at once."""
    with tempfile.TemporaryDirectory(prefix=".query-", dir=path.absolute().parent) as folder:
        yield Path(folder)
