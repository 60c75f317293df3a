"""What every entry of the registry has to pass: as data, against the official document, and there and back."""

from __future__ import annotations

import ast
import contextlib
import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timezone
from typing import Any

import pytest
from conftest import ROOT, Place
from standin.made_up_files import MADE

from collector.base.gb_calendar import HALF_HOUR, parse_utc
from collector.registry.model import (
    COMPUTED,
    ELEXON,
    GROUPS,
    ISSUE,
    KINDS,
    ORDINAL,
    PARTED,
    ROW,
    SETTLEMENT_DATE,
    SETTLEMENT_PERIOD,
    SNAPSHOT,
    VALUE,
    Column,
    Dataset,
    Files,
)
from collector.source.csv_records import DATES, FileReader, Told
from collector.verify.quality import content_sql
from collector.warehouse.layout import table_of
from datasets_config import DEFAULT_DATASETS, REGISTRY, catalogue, dictionary

SPECIFICATION = ROOT.parent / "shared" / "facts" / "elexon-openapi.json"
FAMILIES = sorted(path for path in (ROOT / "collector/registry").glob("*.py") if path.stem not in ("__init__", "model", "fields", "common"))
# What an entry may be made of.
CONSTRUCTORS = {"Dataset", "Endpoint", "Instant", "Check", "Hole", "columns", "hole", "date", "datetime", "timedelta", "tuple", "Field", "Files", "Stamp", "Blank"}
# Settlement days of 46, 48 and 50 periods.
DAYS = (date(2024, 3, 31), date(2024, 6, 1), date(2024, 10, 27))
# The same for what begins after them, and for what ended before.
LATER_DAYS = (date(2026, 3, 29), date(2026, 6, 1), date(2026, 10, 25))
EARLIER_DAYS = (date(2023, 3, 26), date(2023, 6, 1), date(2023, 10, 29))


# ---------------------------------------------------------------------------------------------------------------- data
@pytest.mark.parametrize("path", FAMILIES, ids=lambda path: path.stem)
def test_an_entry_is_data(path: Any) -> None:
    """Literals, names and the few constructors: nothing is computed, so that an entry can be read, and compared."""
    (entries,) = (node.value for node in ast.parse(path.read_text()).body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "DATASETS")
    for node in ast.walk(entries):
        if isinstance(node, ast.Call):
            assert isinstance(node.func, ast.Name), ast.unparse(node)
            assert node.func.id in CONSTRUCTORS, ast.unparse(node)
        assert not isinstance(node, (ast.Lambda, ast.ListComp, ast.DictComp, ast.IfExp, ast.Await, ast.NamedExpr)), ast.unparse(node)
    for entry in entries.elts if isinstance(entries, ast.Tuple) else ():
        assert (entry.end_lineno or 0) - entry.lineno <= 45, "an entry of 10 to 45 lines"


@pytest.mark.parametrize("key", REGISTRY)
def test_an_entry_is_whole(key: str) -> None:
    dataset = REGISTRY[key]
    names = {column.name: column for column in dataset.columns}
    assert dataset.key == key
    assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", key)
    assert len(names) == len(dataset.columns), "each column once"
    assert all(re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) for name in names)
    assert dataset.group in GROUPS
    assert dataset.kind in KINDS
    is_issue = dataset.files is not None and dataset.files.covers == ISSUE
    assert (dataset.kind == "snapshot" or is_issue) == dataset.endpoint.is_snapshot
    assert next(iter(names)) == "settlement_date"
    known = {*dataset.natural_key, *dataset.version, *dataset.clustering, *dataset.series, *(check.column for check in dataset.checks)}
    assert known <= set(names)
    assert all(names[name].type != "JSON" for name in known), "what rows are told apart by has one value"
    assert dataset.natural_key
    assert dataset.title and dataset.description
    assert dataset.rows_per_day > 0 and dataset.bytes_per_row > 20
    assert 1 <= len(dataset.clustering) <= 4
    # Of files a version that is new says what has changed.
    assert dataset.files or dataset.revision_days or dataset.settlement_runs or dataset.endpoint.is_snapshot
    assert dataset.max_age or dataset.often_empty or dataset.kind == "event" or dataset.last_day, "how old its newest record may be"
    if dataset.endpoint.is_snapshot and not dataset.files:
        assert {SNAPSHOT, SETTLEMENT_DATE} & {names[name].source for name in dataset.natural_key}, "of several looks each is kept"
    sources = {column.source for column in dataset.columns}
    if dataset.files:
        _told_by_its_file(dataset, dataset.files, sources)
        return
    placeholders = dataset.asked.placeholders - {"from", "to", "from_minute", "to_minute", "first_date", "last_date", "date", "period"}
    assert placeholders == {name for name, _values in dataset.asked.partitions}
    assert {f"@{name}" for name in placeholders} <= sources, "what only the question knows is a column"
    assert {source for source in sources if source.startswith("@")} <= COMPUTED | {SNAPSHOT, VALUE} | {f"@{name}" for name in placeholders}
    if dataset.kind == "vintage":
        assert "publishTime" in {names[name].source for name in dataset.natural_key}, "every issue is kept"


def _told_by_its_file(dataset: Dataset, files: Files, sources: set[str]) -> None:
    """What is computed of a row is told in the entry; what is named there are its columns; a vintage keeps every issue."""
    stamps = {stamp.field for stamp in files.stamps} | ({SNAPSHOT} if dataset.kind == "snapshot" else set())
    assert dataset.instant.fields[0] in stamps
    assert {source for source in sources if source.startswith("@")} <= {SETTLEMENT_DATE, SETTLEMENT_PERIOD, ROW, ORDINAL} | stamps
    assert (ORDINAL in sources) == (files.numbered is not None)
    named = {*files.optional, *(ours for _, ours in files.aliases), *(name for blank in files.blanks for name in (blank.name, *blank.blank)), *(files.numbered or ())}
    assert named <= sources
    assert set(files.dates) <= set(DATES)
    assert ("(?P<period>" in files.resource) == (files.covers in PARTED)
    assert re.compile(files.resource)
    if dataset.kind == "vintage":
        keys = {column.source for column in dataset.columns if column.name in dataset.natural_key}
        assert keys & {"@issue", "Forecast_Timestamp", "FORECAST_TIMESTAMP"}, "every issue is kept"


@pytest.mark.parametrize("key", REGISTRY)
def test_its_table_and_checks_can_be_made(key: str) -> None:
    dataset = REGISTRY[key]
    table = table_of(dataset, f"p.d.{dataset.table}")
    assert table.time_partitioning.field == "settlement_date"
    assert all(field.description for field in table.schema)
    assert content_sql(dataset, "p.d.t", [DAYS[0]])


# ---------------------------------------------------------------------------------------------- the official document
@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    if not SPECIFICATION.exists():
        pytest.skip("the API's official document is not beside this checkout")
    return json.loads(SPECIFICATION.read_text())  # type: ignore[no-any-return]


def operation_of(document: dict[str, Any], dataset: Dataset) -> tuple[dict[str, Any], dict[str, str]]:
    """The documented operation that an endpoint is, and the names of its path's parameters in our words."""
    path = dataset.endpoint.template.partition("?")[0]
    ours = re.split(r"\{(\w+)\}", path)
    for known, operations in document["paths"].items():
        theirs = re.split(r"\{(\w+)\}", known)
        if theirs[::2] == ours[::2]:
            return operations["get"], dict(zip(ours[1::2], theirs[1::2], strict=True))
    raise AssertionError(f"{path} is not documented")


@pytest.mark.parametrize("key", [key for key, dataset in REGISTRY.items() if dataset.source == ELEXON])
def test_the_request_is_documented(key: str, document: dict[str, Any]) -> None:
    dataset = REGISTRY[key]
    operation, in_path = operation_of(document, dataset)
    parameters = {p["name"]: p for p in operation.get("parameters", ()) if p["in"] == "query"}
    asked = {part.partition("=")[0] for part in dataset.endpoint.template.partition("?")[2].split("&")} - {""}
    assert asked <= set(parameters)
    assert {name for name, p in parameters.items() if p.get("required")} <= asked, "all that is required is asked"
    for name, values in dataset.endpoint.partitions:
        told = next(p["schema"] for p in operation["parameters"] if p["name"] == in_path[name])
        assert set(values) <= set(told.get("enum", values))


@pytest.mark.parametrize("key", [key for key, dataset in REGISTRY.items() if dataset.source == ELEXON])
def test_the_fields_are_documented(key: str, document: dict[str, Any]) -> None:
    """Every documented field is known, and of a type that fits; what the document leaves out has been seen in records."""
    dataset = REGISTRY[key]

    def resolved(schema: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in schema:
            schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        return schema

    answer = operation_of(document, dataset)[0]["responses"]["200"]["content"]
    schema = resolved(next(content["schema"] for kind, content in answer.items() if "json" in kind))
    if schema.get("type") != "array" and "data" in schema.get("properties", {}):
        schema = resolved(schema["properties"]["data"])
    fields = resolved(schema["items"] if schema.get("type") == "array" else schema).get("properties")
    if fields is None:
        assert [column.source for column in dataset.columns if column.source not in COMPUTED] == [VALUE], "a list of values"
        return
    ours = {column.source.partition(".")[0]: column for column in dataset.columns if not column.source.startswith("@")}
    assert set(fields) <= {*ours, *dataset.ignored_fields, *dataset.instant.fields}
    assert set(ours) - set(fields) <= {"settlementRunType"}, "a field that is not documented"
    fits = {
        "integer": {"INT64", "FLOAT64"}, "number": {"FLOAT64", "INT64"}, "boolean": {"BOOL"}, "array": {"JSON"}, "object": {"JSON"},
        "string": {"STRING", "TIMESTAMP", "DATE", "INT64", "FLOAT64"},
    }  # fmt: skip
    for name, column in ours.items():
        kind = resolved(fields[name]).get("type") if name in fields else None
        assert kind is None or "." in column.source or column.type in fits[kind], f"{name} is {kind}, its column {column.type}"


# ---------------------------------------------------------------------------------------------------- files, row by row
# When the stand-in says that they were last modified.
MODIFIED = datetime(2024, 12, 1, 6, 0, 0, 123_456, tzinfo=timezone.utc)
FORMS = ("%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S", "%d/%m/%Y", "%d/%m/%Y %H:%M", "%Y%m%d", "%d-%b-%Y", "%d-%b-%y")


def published(dataset: Dataset, files: Files, most: int = 0) -> Iterator[tuple[str, bytes]]:
    """File name and content of each made-up file that is of the dataset; most: rows of each, 0 for all."""
    # Where the id of its one resource is known, another one may have its name.
    known = {pin for period, pin in files.pinned if not period}
    for name, file, content, id in MADE[files.package]():
        if id in known if known else re.fullmatch(files.resource, name.strip()):
            lines = content().splitlines(keepends=True)
            yield file or "data.csv", b"".join(lines[: most + 1] if most else lines)


def days_and_records(dataset: Dataset, files: Files, file: str, body: bytes) -> list[tuple[date, dict[str, Any]]]:
    reader, spool = FileReader(dataset, files, Told(file, MODIFIED)), io.BytesIO(body)
    return [(day, json.loads(line)) for day, line in reader.lines(spool, reader.judge(spool))]


def dates_of(text: str) -> set[str]:
    found = set()
    for form in FORMS:
        with contextlib.suppress(ValueError):
            found.add(datetime.strptime(text.title() if "b" in form else text, form).date().isoformat())
    return found


@pytest.mark.parametrize("key", [key for key, dataset in REGISTRY.items() if dataset.files])
def test_each_row_of_a_file_is_a_record_of_its_cells(key: str) -> None:
    """By the standard library's reader of CSV: as many records as rows, each cell in the field of its column, nothing else."""
    dataset = REGISTRY[key]
    files = dataset.files
    assert files
    types = {column.source: column.type for column in dataset.columns}
    names = dict(files.aliases)
    bodies = [*published(dataset, files, most=300)]
    assert bodies, "there is no made-up file of it"
    for file, body in bodies:
        rows = [*csv.DictReader(io.StringIO(body.decode(files.encodings[0]), newline=""))]
        made = [record for _, record in days_and_records(dataset, files, file, body)]
        assert len(made) == len(rows) > 0
        assert {names.get(name, name) for name in rows[0]} & types.keys(), "a column that is ours"
        # Rows of an hour that comes twice may stand elsewhere.
        wanted = [{names.get(name, name): (text or "").strip() for name, text in row.items()} for row in rows]
        left = [*made]
        for row in wanted:
            at = next((n for n, record in enumerate(left) if _is_of(record, row, types, files)), None)
            assert at is not None, row
            del left[at]


def _is_of(record: dict[str, Any], row: dict[str, str], types: dict[str, str], files: Files) -> bool:
    """Whether a record's fields are the cells of a row."""
    for name, kind in types.items():
        if name.startswith("@"):
            continue
        told, text = record.get(name), row.get(name, "")
        if told is None:
            blank = any(name in rule.blank and row.get(rule.name) in rule.values for rule in files.blanks)
            if not (blank or text in files.nulls):
                return False
        elif kind == "DATE":
            if told not in dates_of(text):
                return False
        elif told != (text.replace(",", "") if kind in ("INT64", "FLOAT64") else text):
            return False
    return True


# ------------------------------------------------------------------------------------------------------ there and back
def told(record: dict[str, Any], column: Column) -> Any:
    """What a record says in the field of a column, as `comparable` has it."""
    value: Any = record
    for name in [column.source] if column.source.startswith("@") else column.source.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    if value is None:
        return None
    read = {"INT64": int, "FLOAT64": float, "DATE": date.fromisoformat, "TIMESTAMP": parse_utc}.get(column.type, lambda it: it)
    return comparable(read(value), column.type)


def comparable(value: Any, kind: str) -> Any:
    return json.dumps(value, sort_keys=True) if kind == "JSON" and value is not None else value


def by_shape() -> Iterator[Any]:
    """Every dataset; by default one of each shape of request, kind and form of records."""
    seen: set[object] = set()
    for key, dataset in REGISTRY.items():
        if dataset.files:
            # Most kinds of files go there and back in test_neso_portal.py, too.
            yield pytest.param(key, marks=[pytest.mark.long] if key != "skip_rates_exclusions" else [])
            continue
        types = {column.type for column in dataset.columns}
        shape = (dataset.asked.placeholders, dataset.kind, "JSON" in types, dataset.instant.is_date)
        yield pytest.param(key, marks=[pytest.mark.long] if shape in seen else [])
        seen.add(shape)


def days_of(dataset: Dataset) -> tuple[date, ...]:
    """Those of the three that it has made-up records of; of what tells of the present only, the day of the made-up files."""
    if dataset.endpoint.is_snapshot:
        return (date(2024, 12, 1),)
    last_day = dataset.last_day or date.max
    days = next(those for those in (DAYS, LATER_DAYS, EARLIER_DAYS) if dataset.first_day <= those[1] <= last_day)
    days = tuple(day for day in days if dataset.first_day <= day <= last_day)
    return days[:1] if dataset.bytes_per_day > 20_000_000 else days


@pytest.mark.emulators
@pytest.mark.parametrize("key", list(by_shape()))
def test_days_of_46_48_and_50_periods_there_and_back(key: str, place: Place) -> None:
    """Three made-up days through API, bucket, SQL and verification; the table holds what was served, column by column."""
    dataset = REGISTRY[key]
    days = days_of(dataset)
    if dataset.endpoint.is_snapshot and not dataset.files:
        pytest.skip("of other days there is no snapshot; see test_snapshots.py")
    place.api.set(now=f"{days[0].year}-12-01T12:00:00Z")
    now = datetime(2026, 11, 20, 12, tzinfo=timezone.utc) if days[0].year == 2026 else datetime(days[0].year, 12, 1, 12, tzinfo=timezone.utc)
    for day in days:
        which = ("--datasets", key, "--start-date", str(day), "--end-date", str(day))
        place.download(*which, now=now if dataset.files else None).ok()
    which = ("--datasets", key, "--start-date", str(days[0]), "--end-date", str(days[-1]))
    place.load(*which).ok()
    stored = {day: place.lines(key, str(day)) for day in days}
    if dataset.files:
        made = [made for file, body in published(dataset, dataset.files) for made in days_and_records(dataset, dataset.files, file, body)]
        for day in days:
            wanted, kept = spelled((record for at, record in made if at == day), dataset.files), spelled(map(json.loads, stored[day]), dataset.files)
            assert kept == wanted, f"{day}: the object has the rows that were published"
            assert wanted or dataset.often_empty
    rows = list(place.bq.query_and_wait(f"SELECT * FROM `{place.table_id(key)}`"))
    assert rows or dataset.often_empty
    assert {row.settlement_date for row in rows} <= set(days)
    if not dataset.version and not dataset.often_empty:
        assert {row.settlement_date for row in rows} == {day for day in days if stored[day]}
    if "settlement_period" in {column.name for column in dataset.columns} and dataset.grid and dataset.grid <= HALF_HOUR:
        for day, periods in zip(days, (46, 48, 50), strict=False):
            assert max(row.settlement_period for row in rows if row.settlement_date == day) == periods
    columns = [column for column in dataset.columns if column.source not in COMPUTED]
    served = {tuple(told(json.loads(line), column) for column in columns) for day in days for line in stored[day]}
    assert {tuple(comparable(row[column.name], column.type) for column in columns) for row in rows} <= served
    if not dataset.version and len(served) == sum(map(len, stored.values())):
        assert len(rows) == len(served)
    code, found = place.verification(*which, "--without-source")
    verdict = found[key]
    assert verdict["rows_loaded"] == len(rows)
    assert {day for name in ("missing_days", "unloaded_days", "differing_days") for day in verdict.get(name, ())}.isdisjoint(map(str, days))
    assert code in (0, 1)


def spelled(records: Iterable[dict[str, Any]], files: Files) -> list[str]:
    """Records as texts, in order. A row that is there twice is once, but where rows are numbered for that: of these the
    numbers are given to the rows of a day when all of them are known, so that here they do not count."""
    texts = sorted(json.dumps({name: value for name, value in record.items() if name != ORDINAL}, sort_keys=True) for record in records)
    return texts if files.numbered is not None else list(dict.fromkeys(texts))


def test_the_page_of_datasets_is_as_the_registry_says() -> None:
    """To make it anew: python -c "import datasets_config; print(datasets_config.catalogue(), end='')" > docs/datasets.md"""
    assert (ROOT / "docs/datasets.md").read_text() == catalogue()


def test_the_page_of_columns_is_as_the_registry_says() -> None:
    """To make it anew: python -c "import datasets_config; print(datasets_config.dictionary(), end='')" > docs/columns.md"""
    page = (ROOT / "docs/columns.md").read_text()
    assert page == dictionary()
    assert len(re.findall(r"^\| \*?\*?`\w+`", page, re.M)) == sum(len(dataset.columns) for dataset in REGISTRY.values())


def test_the_eleven_stay_the_default() -> None:
    assert len(DEFAULT_DATASETS) == 11
    assert set(DEFAULT_DATASETS) <= set(REGISTRY)
