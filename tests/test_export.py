"""Finished months as Parquet files: what is whole, once, again when it changed, and nothing else."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import google_sql
import pytest
from cloud_proxy import Asked, CloudProxy
from conftest import Place, days
from google.api_core.exceptions import BadRequest
from google.cloud.bigquery import SchemaField, Table
from google_rules import checked_proxy, wanted

from collector.days import Task
from collector.warehouse.export import BESIDE, FOLDER, Export, Result, parts_of, texts_sql, told
from collector.warehouse.layout import Loaded
from collector.warehouse.outcome import Outcome
from datasets_config import REGISTRY
from local_cloud import environment_folder

# Its first month has two days.
KEY = "market_index"
MONTH = ("--datasets", KEY, "--start-date", "2016-09-29", "--end-date", "2016-09-30")
DAYS = ("--datasets", "individual_generation", "--start-date", "2024-03-30", "--end-date", "2024-03-31")
FILE = f"{FOLDER}{KEY}/2016/{KEY}_2016-09.parquet"
HELD = (FILE, KEY, "2016-09-29", "2016-09-30")


@pytest.fixture
def bigquery(place: Place) -> Iterator[CloudProxy]:
    """A proxy before the BigQuery emulator, whose requests are checked against Google's documents."""
    yield from checked_proxy(place, "BIGQUERY")


@pytest.fixture
def storage(place: Place) -> Iterator[CloudProxy]:
    """The same before the storage emulator."""
    yield from checked_proxy(place, "STORAGE")


def export(place: Place, *arguments: str, code: int = 0) -> Any:
    ran = place.load("--export-parquet", *arguments)
    assert ran.code == code, ran
    return ran


def extracts(proxy: CloudProxy) -> list[dict[str, Any]]:
    """The extract jobs that were asked for."""
    return [asked.job for asked in proxy.asked if asked.kind == "insert" and "extract" in asked.job["configuration"]]


def read(place: Place, name: str) -> list[list[Any]]:
    """The rows of a file, with columns by name; instants as microseconds."""
    python = environment_folder() / "bin/python"
    path = place.home / "file.parquet"
    place.bucket.blob(name).download_to_filename(path)
    program = (
        "import sys, json, duckdb; base = duckdb.connect(); file = sys.argv[1]\n"
        "kinds = base.execute('DESCRIBE SELECT * FROM read_parquet(?)', [file]).fetchall()\n"
        "told = ', '.join(f'epoch_us({n})' if 'TIMESTAMP' in k else f'{n}::VARCHAR' if k == 'DATE' else n for n, k, *_ in kinds)\n"
        "print(json.dumps([[n for n, *_ in kinds], *base.execute(f'SELECT {told} FROM read_parquet(?)', [file]).fetchall()]))"
    )
    done = subprocess.run([str(python), "-c", program, str(path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return (value - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(microseconds=1)
    return str(value) if isinstance(value, date) else value


def same_as_table(place: Place, name: str, key: str, first: str, last: str) -> int:
    """Whether a file has the table's rows of these days; how many."""
    names, *rows = read(place, name)
    table = [row for day in days(first, last) for row in place.rows(key, day)]
    assert names == [column.name for column in REGISTRY[key].columns]
    assert sorted(map(repr, rows)) == sorted(repr([plain(row[n]) for n in names]) for row in table)
    return len(rows)


# ------------------------------------------------------------------------------------------------------- what is done
def test_what_is_whole_is_exported_once_and_again_when_it_changed(place: Place, bigquery: CloudProxy, storage: CloudProxy) -> None:
    storage.strict = True
    place.collect(*MONTH)
    place.collect(*DAYS)
    plan = export(place, "--dry-run", *MONTH)
    assert (plan.cell(KEY, "TO EXPORT"), plan.cell(KEY, "ROWS")) == ("1", "192")
    assert "Extract jobs are free" in plan.out
    assert not place.objects(FOLDER)

    assert export(place, *MONTH).cell(KEY, "EXPORTED") == "1"
    assert export(place, *DAYS).cell("individual_generation", "EXPORTED") == "2"
    assert same_as_table(place, *HELD) == 192
    assert same_as_table(place, f"{FOLDER}individual_generation/2024/individual_generation_2024-03-31.parquet", "individual_generation", "2024-03-31", "2024-03-31")
    sent = extracts(bigquery)
    assert {job["configuration"]["extract"]["sourceTable"]["tableId"] for job in sent} == {
        "elexon_market_index$201609", *(f"elexon_individual_generation${day}" for day in ("20240330", "20240331")),
    }  # fmt: skip
    assert len(sent) == 3
    for job in sent:
        assert job["configuration"]["extract"]["destinationFormat"] == "PARQUET"
        assert job["configuration"]["labels"]["step"] == "export"
        assert int(job["configuration"]["jobTimeoutMs"]) > 0
    assert set().union(*(wanted(asked) for asked in bigquery.asked if asked.kind == "insert")) >= {"bigquery.tables.export"}

    before = place.state()
    again = export(place, *MONTH)
    assert (again.cell(KEY, "SAME"), again.cell(KEY, "EXPORTED")) == ("1", "0")
    assert len(extracts(bigquery)) == len(sent), "nothing is asked for"
    assert not place.objects(BESIDE)
    assert place.state() == before

    place.api.change("MID", "2016-09-30", "revision")
    place.collect(*MONTH, "--force")
    assert export(place, *MONTH).cell(KEY, "EXPORTED") == "1"
    assert same_as_table(place, *HELD) == 192
    assert place.state()[FILE] != before[FILE]

    # Whoever wants a file anew deletes it, though a job of that name has been.
    place.bucket.delete_blob(FILE)
    assert export(place, *MONTH).cell(KEY, "EXPORTED") == "1"
    assert same_as_table(place, *HELD) == 192


def test_what_is_not_whole_is_told_and_left(place: Place, bigquery: CloudProxy) -> None:
    assert "nothing of this range has a table; load it first" in export(place, *MONTH).out
    place.collect("--datasets", KEY, "--start-date", "2016-09-29", "--end-date", "2016-09-29")
    assert f"{KEY}: not exported, not loaded whole: 2016-09-29 to 2016-09-30" in export(place, *MONTH).out
    place.download(*MONTH).ok()
    assert "not loaded whole: 2016-09-29" in export(place, *MONTH).out, "stored and not loaded"
    ran = export(place, "--datasets", KEY, "--start-date", "2016-09-30", "--end-date", "2016-09-30")
    assert "the range has a part of it only: 2016-09-29 to 2016-09-30" in ran.out
    ran = place.load("--export-parquet", *MONTH, now=datetime(2016, 9, 30, 22, 59, tzinfo=timezone.utc)).ok()
    assert "not exported, not over: 2016-09-29 to 2016-09-30" in ran.out
    assert not extracts(bigquery)
    # One of its days is older in the table than in the bucket.
    place.load(*MONTH).ok()
    place.api.change("MID", "2016-09-29", "revision")
    place.download(*MONTH, "--force").ok()
    assert "not loaded whole" in export(place, *MONTH).out
    assert not place.objects(FOLDER)


@pytest.mark.parametrize(
    ("key", "column", "first", "last"),
    [
        ("carbon_generation_mix", "generationmix", "2017-09-19", "2017-09-30"),
        pytest.param("remit_messages", "outage_profile", "2017-06-01", "2017-06-30", marks=pytest.mark.long),
        pytest.param("carbon_regional", "regions", "2018-05-11", "2018-05-31", marks=pytest.mark.long),
    ],
)  # fmt: skip
def test_columns_for_which_parquet_has_no_type_are_written_as_text(
    key: str, column: str, first: str, last: str, place: Place, bigquery: CloudProxy, storage: CloudProxy
) -> None:
    storage.strict = True
    which = ("--datasets", key, "--start-date", first, "--end-date", last)
    place.collect(*which)
    rows, size = place.rows(key), REGISTRY[key].bytes_per_row
    bigquery.asked.clear()
    plan = export(place, "--dry-run", *which)
    assert (plan.cell(key, "TO EXPORT"), plan.cell(key, "MB")) == ("1", f"{len(rows) * size / 1e6:,.1f}"), "a row is as large as its record"
    assert f"{key}: as text, for Parquet has no JSON of BigQuery's: {column}" in plan.out
    assert "Extract jobs are free, queries that make text of JSON 0.000" in plan.out, "a query reads 10 MB at least"
    assert not [asked for asked in bigquery.asked if asked.kind == "insert"]

    assert export(place, *which).cell(key, "EXPORTED") == "1"
    names, *found = read(place, f"{FOLDER}{key}/{first[:4]}/{key}_{first[:7]}.parquet")
    at = names.index(column)
    assert any(isinstance(row[at], str) for row in found)
    values = [[*row[:at], row[at] and json.dumps(json.loads(row[at]), sort_keys=True), *row[at + 1:]] for row in found]
    table = [{**row, column: None if row[column] is None else json.dumps(row[column], sort_keys=True)} for row in rows]
    assert sorted(map(repr, values)) == sorted(repr([plain(row[n]) for n in names]) for row in table)
    (job,) = extracts(bigquery)
    assert job["configuration"]["extract"]["sourceTable"]["tableId"].startswith(f"collector_staging_{REGISTRY[key].table}_")
    (made,) = (asked.job["configuration"] for asked in bigquery.asked if asked.kind == "insert" and "query" in asked.job["configuration"])
    assert made["labels"] == {"app": job["configuration"]["labels"]["app"], "step": "export", "dataset": key}
    assert int(made["query"]["maximumBytesBilled"]) > 0
    assert staged(place) == []
    assert export(place, *which).cell(key, "SAME") == "1"
    assert len(extracts(bigquery)) == 1


def staged(place: Place) -> list[str]:
    return [table.table_id for table in place.bq.list_tables(place.dataset_id) if table.table_id.startswith("collector_staging_")]


def test_of_json_as_text_null_stays_null(place: Place) -> None:
    """On both engines: TO_JSON_STRING alone would make the word of it."""
    schema = [SchemaField("settlement_date", "DATE"), SchemaField("id", "INT64"), SchemaField("told", "JSON")]
    name, made, outside = place.table_id("remit_messages"), f"{place.table_id('remit_messages')}_made", "DATE '2017-07-01', 4, JSON '{}'"
    values = ("DATE '2017-06-01', 1, JSON '[{\"mw\": 1.5}]'", "DATE '2017-06-30', 2, CAST(NULL AS JSON)", "DATE '2017-06-02', 3, JSON '\"null\"'", outside)
    place.bq.create_table(Table(name, schema))
    place.bq.query_and_wait(f"INSERT INTO `{name}` (settlement_date, id, told) " + " UNION ALL ".join(f"SELECT {row}" for row in values))
    sql = texts_sql(name, made, ["told"], days("2017-06-01", "2017-06-30"), "MONTH")
    place.bq.query_and_wait(sql)
    wanted = [(1, '[{"mw":1.5}]'), (2, None), (3, '"null"')]
    assert place.query(f"SELECT id, told FROM `{made}` ORDER BY id") == wanted
    table = place.bq.get_table(made)
    assert [field.field_type for field in table.schema] == ["DATE", "INTEGER", "STRING"]
    assert table.time_partitioning.type_ == "MONTH"
    rows = [{"settlement_date": date(2017, 6, 1), "id": 1, "told": [{"mw": 1.5}]}, {"settlement_date": date(2017, 6, 30), "id": 2, "told": None}, {"settlement_date": date(2017, 7, 1), "id": 4, "told": []}]
    select = sql.split("\nAS\n")[1]
    assert [(row["id"], row["told"]) for row in google_sql.execute(select, {name: google_sql.Table(schema, rows)})] == wanted[:2]


def test_what_a_table_of_texts_is_made_for_is_done_again_when_it_is_gone(place: Place, bigquery: CloudProxy) -> None:
    """The run that made it ended before its extract job began: its table is dropped, its job is found, and one of another
    name is made."""
    key, which = "carbon_generation_mix", ("--datasets", "carbon_generation_mix", "--start-date", "2017-09-19", "--end-date", "2017-09-30")
    place.collect(*which)
    bigquery.rule = lambda asked: "job_invalid" if asked.kind == "insert" and b'"extract"' in asked.body else ""
    assert "FAILED carbon_generation_mix 2017-09-19 to 2017-09-30: " in export(place, *which, code=1).out
    assert staged(place) == []
    # And the answers to the first that asks for a table, and to the first that asks for an extract, are lost.
    lost: set[str] = set()

    def rule(asked: Asked) -> str:
        kind = "extract" if b'"extract"' in asked.body else "table" if b"CREATE OR REPLACE TABLE" in asked.body else ""
        if asked.kind != "insert" or not kind or kind in lost:
            return ""
        lost.add(kind)
        return "lost"

    bigquery.rule = rule
    assert export(place, *which).cell(key, "EXPORTED") == "1"
    assert lost == {"extract", "table"}
    assert len(read(place, f"{FOLDER}{key}/2017/{key}_2017-09.parquet")) == 1 + len(place.rows(key))
    assert staged(place) == []


def test_of_looks_a_month_has_those_that_found_a_change(place: Place, bigquery: CloudProxy) -> None:
    """A register of units, looked at on three days of two months: the month that is over goes out, the running one does not."""
    key, which = "bm_units", ("--datasets", "bm_units", "--start-date", "2024-05-01")
    for day in ("2024-05-30", "2024-05-31", "2024-06-01"):
        place.api.set(now=f"{day}T06:00Z")
        if day == "2024-05-31":
            place.api.replace_days({("BMUNITS", date(2024, 5, 31)): place.api.expected("BMUNITS", date(2024, 5, 31))[1:]})
        place.download(*which, now=datetime.fromisoformat(f"{day}T06:00+00:00")).ok()
    place.load(*which).ok()
    looks = {str(row["settlement_date"]) for row in place.rows(key)}
    assert "2024-05-30" in looks and len(looks) >= 2
    ran = place.load("--export-parquet", *which, now=datetime(2024, 6, 15, 12, tzinfo=timezone.utc)).ok()
    assert (ran.cell(key, "EXPORTED"), ran.cell(key, "NOT WHOLE")) == ("1", "1")
    assert f"{key}: not exported, not over: 2024-06-01 to 2024-06-30" in ran.out
    names, *found = read(place, f"{FOLDER}{key}/2024/{key}_2024-05.parquet")
    may = [row for row in place.rows(key) if row["settlement_date"] < date(2024, 6, 1)]
    assert sorted(map(repr, found)) == sorted(repr([plain(row[n]) for n in names]) for row in may)
    assert [job["configuration"]["extract"]["sourceTable"]["tableId"] for job in extracts(bigquery)] == ["elexon_bm_units$202405"]

    # A month later the second is over, too, and the first stays.
    ran = place.load("--export-parquet", *which, now=datetime(2024, 7, 15, 12, tzinfo=timezone.utc)).ok()
    assert (ran.cell(key, "EXPORTED"), ran.cell(key, "SAME"), ran.cell(key, "NOT WHOLE")) == ("1", "1", "1")
    assert f"{key}: not exported, not over: 2024-07-01 to 2024-07-31" in ran.out


@pytest.mark.long
def test_of_two_partitions_that_which_changed_is_written_again(place: Place) -> None:
    key = "individual_generation"
    place.collect(*DAYS)
    assert export(place, *DAYS).cell(key, "EXPORTED") == "2"
    before = {name: blob.generation for name, blob in place.objects(FOLDER).items()}
    place.api.change("B1610", "2024-03-30", "revision")
    place.collect(*DAYS, "--force")
    plan = export(place, "--dry-run", *DAYS)
    assert (plan.cell(key, "TO EXPORT"), plan.cell(key, "SAME")) == ("1", "1")
    ran = export(place, *DAYS)
    assert (ran.cell(key, "EXPORTED"), ran.cell(key, "SAME")) == ("1", "1")
    now = {name: blob.generation for name, blob in place.objects(FOLDER).items()}
    assert [name[-18:-8] for name in sorted(now) if now[name] != before[name]] == ["2024-03-30"]
    assert same_as_table(place, f"{FOLDER}{key}/2024/{key}_2024-03-30.parquet", key, "2024-03-30", "2024-03-30")


# -------------------------------------------------------------------------------------------------- what goes wrong
def test_one_that_cannot_be_exported_stops_no_other(place: Place, bigquery: CloudProxy) -> None:
    place.collect(*DAYS)
    bigquery.rule = lambda asked: "job_invalid" if asked.kind == "insert" and b"$20240331" in asked.body else ""
    ran = export(place, *DAYS, code=1)
    assert (ran.cell("individual_generation", "EXPORTED"), ran.cell("individual_generation", "FAILED")) == ("1", "1")
    assert "FAILED individual_generation 2024-03-31: " in ran.out
    bigquery.rule = lambda _asked: ""
    assert export(place, *DAYS).cell("individual_generation", "EXPORTED") == "1"


@pytest.mark.parametrize("permission", ["bigquery.tables.export", "storage.objects.delete", "bigquery.jobs.create"])
def test_what_is_refused_is_told_once_with_the_role(permission: str, place: Place, bigquery: CloudProxy, storage: CloudProxy) -> None:
    place.collect(*DAYS)
    bigquery.denied = storage.denied = {permission}
    ran = place.load("--export-parquet", *DAYS, "--max-workers", "1")
    told = ran.out + ran.err
    assert ran.code in (1, 2)
    assert {"bigquery.tables.export": "roles/bigquery.dataEditor", "storage.objects.delete": "roles/storage.objectUser"}.get(permission, "roles/bigquery.jobUser") in told
    assert told.count("ask for") == 1
    assert len(extracts(bigquery)) <= 1
    assert not place.objects(FOLDER)


def test_a_run_that_ended_between_job_and_copy_is_gone_on_with(place: Place, bigquery: CloudProxy, storage: CloudProxy) -> None:
    place.collect(*DAYS)
    storage.rule = lambda asked: "vpc" if asked.kind == "copy" else ""
    assert export(place, *DAYS, "--max-workers", "1", code=1).out.count("service perimeter") == 1
    (left,) = place.objects(BESIDE)
    storage.rule = lambda _asked: ""
    place.bucket.blob(f"{BESIDE}individual_generation/20160101_0.parquet").upload_from_string(b"of another time")
    export(place, *DAYS)
    assert sorted(job["jobReference"]["jobId"] for job in extracts(bigquery)).count(f"export_{left[-32:-8]}_0") == 2, "found, and not done again"
    assert len(extracts(bigquery)) == 3
    assert not place.objects(BESIDE)


def test_faults_are_outlasted(place: Place, bigquery: CloudProxy, storage: CloudProxy) -> None:
    place.collect(*DAYS)
    faults = {("insert", 1): "lost", ("insert", 2): "503", ("copy", 1): "lost", ("copy", 2): "503"}
    numbers = dict.fromkeys(("insert", "copy"), 0)

    def rule(asked: Asked) -> str:
        if asked.kind not in numbers:
            return ""
        numbers[asked.kind] += 1
        return faults.get((asked.kind, numbers[asked.kind]), "")

    storage.strict = True
    bigquery.rule = storage.rule = rule
    export(place, *DAYS, "--max-workers", "1")
    assert numbers["insert"] == 4
    assert len(place.objects(FOLDER)) == 2
    bigquery.rule = storage.rule = lambda _asked: ""
    assert export(place, *DAYS).cell("individual_generation", "SAME") == "2"


def test_a_faster_export_is_not_replaced(place: Place, storage: CloudProxy) -> None:
    place.collect(*MONTH)
    storage.strict = True
    theirs = iter([b"theirs"])

    def before(asked: Asked) -> None:
        if asked.kind == "copy" and (content := next(theirs, b"")):
            place.bucket.blob(FILE).upload_from_string(content)

    storage.before = before
    export(place, *MONTH)
    assert place.bucket.blob(FILE).download_as_bytes() == b"theirs"
    # It does not say that it holds what is loaded.
    assert export(place, *MONTH).cell(KEY, "EXPORTED") == "1"
    assert same_as_table(place, *HELD) == 192


def test_flags_that_do_not_go_together(place: Place) -> None:
    for flag in ("--force", "--verify", "--update-views"):
        ran = place.load("--export-parquet", flag, *MONTH)
        assert ran.code == 2, flag


# ------------------------------------------------------------------------------------------------- what a partition is
def test_the_emulator_takes_partitions_as_the_service_does(place: Place) -> None:
    place.load("--update-schema", *MONTH).ok()
    uri = f"gs://{place.bucket.name}/x"
    for partition in ("20160929", "2016", "x"):
        with pytest.raises(BadRequest, match="Invalid table ID"):
            place.bq.extract_table(f"{place.table_id(KEY)}${partition}", uri).result()
    place.bq.extract_table(f"{place.table_id(KEY)}$201609", uri).result()


def parts(key: str, first: str, last: str, kind: str = "MONTH", **changes: Any) -> list[Any]:
    """The partitions of a range, all days of it stored and loaded."""
    dataset = REGISTRY[key]._replace(**changes)
    at = datetime(2024, 6, 1, tzinfo=timezone.utc)
    known = days(f"{first[:8]}01", "2024-05-31")
    stored: Any = {day: SimpleNamespace(identity=str(day)) for day in known}
    ledger = {day: Loaded(1, str(day), 48, 48, 0, at) for day in known}
    return list(parts_of(Task(dataset, *(date.fromisoformat(day) for day in (first, last))), kind, stored, ledger, {}, at))


def test_partitions_are_named_as_bigquery_names_them() -> None:
    december, january = parts("demand_outturn", "2023-12-01", "2024-01-31")
    assert (december.id, december.name, december.rows, december.open) == ("202312", f"{FOLDER}demand_outturn/2023/demand_outturn_2023-12.parquet", 31 * 48, "")
    assert (january.id, len(january.days)) == ("202401", 31)
    (day,) = parts("individual_generation", "2024-02-29", "2024-02-29", "DAY")
    assert (day.id, day.days, day.open) == ("20240229", days("2024-02-29"), "")


def test_of_an_ended_dataset_there_is_nothing_behind_its_last_day() -> None:
    ended: Any = REGISTRY[KEY]._replace(last_day=date(2024, 2, 20))
    store: Any = SimpleNamespace(bucket=None)
    assert Export(Task(ended, date(2024, 2, 1), date(2024, 5, 31)), None, store).task.last == date(2024, 2, 20)  # type: ignore[arg-type]
    assert Export(Task(ended, date(2024, 3, 1), date(2024, 5, 31)), None, store).task.days == []  # type: ignore[arg-type]


def test_a_month_begins_and_ends_with_the_dataset() -> None:
    (begun,) = parts(KEY, "2024-02-10", "2024-02-29", first_day=date(2024, 2, 10))
    assert (begun.days[0], begun.open) == (date(2024, 2, 10), "")
    (ended,) = parts(KEY, "2024-02-01", "2024-02-29", last_day=date(2024, 2, 20))
    assert (ended.days[-1], ended.open) == (date(2024, 2, 20), "")


def test_of_a_partition_without_rows_there_is_no_file() -> None:
    """Every day of it is stored and loaded, and was empty."""
    (part,) = parts("system_warnings", "2024-02-01", "2024-02-29")
    result = Result(REGISTRY["system_warnings"], [part], Outcome(REGISTRY["system_warnings"]))
    assert result.wanted == [part]
    result.parts = [replace(part, rows=0)]
    assert result.wanted == []
    assert re.search(r"^system_warnings +0 +0 +0 +0 +0 +0 +0\.0$", told([result], "US", is_plan=True), re.M)
    # What was exported of it when it had some is not what it is now.
    stale = f"system_warnings: {part.name} has rows that the table has not any more; delete it"
    assert stale not in told([result], "US", is_plan=False)
    result.parts = [replace(part, rows=0, generation=7)]
    assert stale in told([result], "US", is_plan=False)


def test_what_a_file_holds_has_one_name() -> None:
    (first,), (same,) = parts(KEY, "2024-02-01", "2024-02-29"), parts(KEY, "2024-02-01", "2024-02-29")
    (other,) = parts(KEY, "2024-02-01", "2024-02-29", columns=REGISTRY[KEY].columns[:-1])
    assert first.identity == same.identity != other.identity


@pytest.mark.parametrize("key", REGISTRY)
def test_a_partition_fits_into_one_file(key: str) -> None:
    dataset = REGISTRY[key]
    day_count = {"MONTH": 31, "DAY": 1}[dataset.partition]
    texts = [column.name for column in dataset.columns if column.type == "JSON"]
    assert dataset.rows_per_day * day_count * Result(dataset, [], Outcome(dataset), texts).row_bytes < 1e9, "BigQuery writes no more into one"
