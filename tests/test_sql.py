"""Every SQL statement of the programs before Google's own engine: taken, and answered as the emulator answers."""

from __future__ import annotations

import io
import json
import math
import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta, timezone
from typing import Any

import google_sql
import pytest
from conftest import CODES, TWELVE, Place
from google.cloud import bigquery
from google_sql import Refused, Table, judge

from collector.registry.model import Column, Dataset
from collector.verify import quality
from collector.warehouse import sql as sent
from collector.warehouse.layout import (
    LEDGER,
    LEDGER_SCHEMA,
    SEPARATOR,
    STAGING_PREFIX,
    STAGING_SCHEMA,
    ledger_table,
    table_of,
    table_schema,
)
from datasets_config import REGISTRY

DAY = date(2024, 1, 5)
NOW = datetime(2024, 3, 1, 12, tzinfo=timezone.utc)
# The most that a batch has.
MANY = [date(2016, 1, 1) + timedelta(days=2 * n) for n in range(1_000)]
# Their statements are the longest; to others so many days differ from two in the list alone.
LONGEST = ("bid_offer_acceptances", "balancing_services_disaggregated")
LEDGER_TABLE, STAGING = f"p.d.{LEDGER}", f"p.d.{STAGING_PREFIX}x"


def entries(dataset: Dataset, days: Sequence[date], **more: Any) -> list[dict[str, Any]]:
    """Ledger entries of a batch."""
    return [
        {"dataset": dataset.key, "settlement_date": day, "object": f"raw/{dataset.key}/x", "generation": 7, "identity": "i" * 64, "object_rows": 1,
         "table_rows": 1, "conflicts": 0, "fetched_at": None, "loaded_at": NOW, "table_created": NOW, "column_hash": "h", "first_fetched_at": None, **more}
        for day in days
    ]  # fmt: skip


def publish(
    dataset: Dataset, table: str, days: Sequence[date], staging: str | None = STAGING, ledger: str = LEDGER_TABLE, is_checked: bool = True
) -> str:
    return sent.publish_sql(dataset, table, ledger, staging, days, is_checked)


def statements(dataset: Dataset) -> Iterator[tuple[str, Sequence[Any]]]:
    """All that is ever sent for a dataset; of others than the twelve what follows from their entry, for one day."""
    table = f"p.d.{dataset.table}"
    if dataset.key not in TWELVE:
        yield sent.check_sql(dataset, STAGING), ()
        for is_checked in (True, False):
            yield publish(dataset, table, [DAY], is_checked=is_checked), sent.ledger_parameters(entries(dataset, [DAY]))
        yield quality.content_sql(dataset, table, [DAY], True), ()
        yield sent.revise_sql(dataset, f"{table}_revisions", LEDGER_TABLE, STAGING, [(DAY, NOW, NOW, 7)]), sent.ledger_parameters(entries(dataset, [DAY]))
        return
    live = bigquery.Table(table)
    live._properties["creationTime"] = str(int(NOW.timestamp() * 1_000))
    asked = [
        sent.live_tables([(dataset, live)]),
        bigquery.ScalarQueryParameter("first", "DATE", DAY), bigquery.ScalarQueryParameter("last", "DATE", DAY),
    ]  # fmt: skip
    for has_digest in (True, False):
        yield sent.ledger_query(LEDGER_TABLE, has_digest), asked
    yield sent.check_sql(dataset, STAGING), ()
    many = MANY if dataset.key in LONGEST else MANY[:2]
    for days, staging in (([DAY], STAGING), (many, STAGING), (many, None)):
        for is_checked in (True, False):
            yield publish(dataset, table, days, staging, is_checked=is_checked), sent.ledger_parameters(entries(dataset, days))
    for days in ([DAY], many):
        yield sent.counts_sql(table, days), ()
        for with_digest in (True, False):
            yield quality.content_sql(dataset, table, days, with_digest), ()
    spans = [(day, NOW, NOW, 7) for day in many]
    for staging in (STAGING, None):
        yield sent.revise_sql(dataset, f"{table}_revisions", LEDGER_TABLE, staging, spans), sent.ledger_parameters(entries(dataset, many[:1]))
    yield sent.partitions_sql("p.d"), ()


def shape(dataset: Dataset) -> tuple[Any, ...]:
    """What the statements of datasets that are no one of the twelve differ by, but for names."""
    return (
        frozenset((column.type, column.required) for column in dataset.columns), dataset.kind, dataset.partition, bool(dataset.files), bool(dataset.grid),
        len(dataset.natural_key), len(dataset.checks),
    )  # fmt: skip


FIRST_OF_SHAPE = {*TWELVE, *{shape(dataset): key for key, dataset in reversed(REGISTRY.items())}.values()}


@pytest.mark.parametrize("key", [key if key in FIRST_OF_SHAPE else pytest.param(key, marks=pytest.mark.long) for key in REGISTRY])
def test_google_takes_every_statement(key: str) -> None:
    for sql, parameters in statements(REGISTRY[key]):
        judge(sql, parameters)


REFUSED = [
    ("SELECT fuel_type AS at FROM `{}`", "(?i)reserved words: AT"),
    ("SELECT SAFE.JSON_VALUE(fuel_type, '$.x') FROM `{}`", "SAFE with function JSON_VALUE"),
    ("SELECT '" + "x" * 1_000_000 + "' FROM `{}`", "too long"),
    ("BEGIN TRANSACTION; ASSERT NOT EXISTS (SELECT 1 FROM `{}`) AS 'x'; COMMIT TRANSACTION", "(?i)statement not supported: Assert"),
    ("SELECT no_such_column FROM `{}`", "Unrecognized name: no_such_column"),
    ("SELECT generation AS g FROM `{}` WHERE g > 1", "Unrecognized name: g"),
    ("SELECT fuel_type FROM `{}` WHERE settlement_date = 5", "No matching signature for operator ="),
    ("SELECT PARSE_JSON(fuel_type) AS j FROM `{}` GROUP BY j", "JSON"),
    ("SELECT 1 FROM `{}` ORDER BY PARSE_JSON(fuel_type)", "JSON"),
    ("SELECT generation / 2.5 AS f FROM `{}` GROUP BY f", "FLOAT64"),
    ("SELECT 1 FROM `{}` WHERE settlement_date IN UNNEST(@days)", "Query parameter 'days' not found"),
    ("INSERT INTO `{}` (settlement_date) SELECT '2024-01-05'", "has type STRING"),
    ("SELECT 1 FROM `p.d.no_table_of_ours`", "no table of the programs"),
    ("UPDATE `{}` SET generation = 1 WHERE TRUE", "(?i)statement not supported"),
]


@pytest.mark.parametrize(("sql", "why"), REFUSED, ids=[why for _, why in REFUSED])
def test_the_judge_refuses_what_bigquery_does(sql: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        judge(sql.replace("{}", "p.d.elexon_generation_outturn"))


def test_the_judge_sees_what_the_programs_send(place: Place) -> None:
    """The net under all tests that run the programs in this process: a new statement is judged without being listed."""
    seen = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(google_sql, "judge", lambda sql, parameters: seen.append((sql, [p.name for p in parameters])))
        which = ("--datasets", "demand_outturn", "--start-date", str(DAY), "--end-date", str(DAY))
        place.collect(*which)
        place.verification(*which)
    sent = " ".join(sql for sql, _ in seen)
    assert all(part in sent for part in ("BEGIN TRANSACTION", "print_sum", "QUALIFY", "AS row_count"))
    assert ["entries"] in [names for _, names in seen]
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Refused, match="no_such"):
        patch.setattr(quality, "content_sql", lambda _dataset, table, *_: f"SELECT settlement_date, no_such FROM `{table}`")
        place.verification(*which)


def test_no_name_of_a_column_is_a_reserved_word() -> None:
    names = {c.name.upper() for dataset in REGISTRY.values() for c in dataset.columns} | {f.name.upper() for f in LEDGER_SCHEMA}
    assert not names & google_sql.RESERVED


@pytest.mark.parametrize("key", TWELVE)
def test_a_publish_reads_no_partition_but_those_of_its_days(key: str) -> None:
    """Literals prune partitions, parameters and subqueries may not. 10 MB of parameters are taken."""
    dataset = REGISTRY[key]
    sql = publish(dataset, "p.d.t", MANY)
    literal = "(" + ", ".join(f"DATE '{day}'" for day in MANY) + ")"
    reads = re.findall(r"(?:FROM|JOIN) `p\.d\.t`(.*)", sql)
    assert len(reads) == 2
    assert all(read.startswith(f" WHERE settlement_date IN {literal}") for read in reads)
    assert sql.count(literal) == 3
    parameters = [p.to_api_repr() for p in sent.ledger_parameters(entries(dataset, MANY, object=f"raw/{key}/2024/01/{key}_2024-01-05.ndjson.gz"))]
    assert len(json.dumps(parameters)) < 10_000_000


# ---------------------------------------------------------------------------------------- both engines over one data
# Values, as JSON writes them, for every field in turn. `None` leaves the field out.
ODD = [
    None, "null", "true", "false", "0", "12", "-7", "12.5", "12.0", "-0.0", "1.50", "1e3", "1E+2", "1e400", "-1e400", "1e-400", "9223372036854775807", "9223372036854775808",
    "12345678901234567890123456", "{}", '{"a":1}', "[]", "[1,null]", '""', '"x"', '" 12"', '"12"', '"12.5"', '"1e3"', '"1e400"', '"NaN"', '"-inf"', '"0x1F"',
    '"TRUE"', '"true"', '"null"', '"2024-01-05"', '"2024-13-45"', '"2024-1-5"', '"2024-01-05T12:30Z"', '"2024-01-05T12:30:15.1234567Z"',
    '"2024-01-05T12:30:15+01:00"', '"2024-07-05T23:30:00"', '"2024-01-05 12:30:00"', '"2024-01-05T24:00:00Z"', '"2024-01-05T23:59:60Z"', '"0001-01-01T00:00:00Z"', '"0001-01-01"',
    '"9999-12-31T23:59:59Z"', '"9999-12-31"', r'"\ud83d\udd0c \u00e9"', r'"half \ud83d, n: 5"', r'"\udfff"', r'"a\u0000\n\t\"\\b"', r'"\\ud83d"', '"ü 電力 😀"',
]  # fmt: skip
NO_RECORDS = ["null", "5", "[]", '"x"', "{}", "{", "}", "no JSON", "{'a': 1}", '{"a": NaN}', '{"a": 01}', '{"a":1}{"b":2}', "[" * 600 + "]" * 600]


def with_value(line: bytes, source: str, value: str | None) -> str:
    """The line with another value in a field, written as it is told."""
    record = json.loads(line)
    *parents, name = source.split(".")
    inner = record
    for parent in parents:
        inner = inner[parent]
    inner[name] = "@value@"
    if value is None:
        del inner[name]
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).replace('"@value@"', str(value))


def odd_lines(dataset: Dataset, line: bytes) -> Iterator[str]:
    """The line with each odd value in each field, a strange member, and cut short."""
    sources = {*dataset.instant.fields, *(c.source for c in dataset.columns if not c.source.startswith("@"))}
    for source in sorted(sources):
        for value in ODD:
            yield with_value(line, source, value)
        first = json.dumps(source.rpartition(".")[2])
        yield f'{{{first}:"2030-01-01T00:00:00Z",{line.decode()[1:]}'
    text = line.decode()
    for member in ('"x":1e400', r'"x":"\ud800","y\udfff":1', r'"x":"\ud83d\ude00"', '"":""', '"x":"\u2028"', '"x":[[[{"a":[]}]]]', '"x":1,"x":2', '"x":' + "9" * 400):
        yield f"{text[:-1]},{member}}}"
    for cut in (1, 2, len(text) // 3, len(text) // 2, len(text) - 3):
        yield text[: len(text) - cut]


def stage(place: Place, lines: Sequence[str], name: str = "x") -> tuple[str, Table]:
    """The lines as a staging table of the emulator, and as one of Google's engine."""
    table = f"{place.bq.project}.{place.dataset_id}.{STAGING_PREFIX}{name}"
    config = bigquery.LoadJobConfig(
        schema=STAGING_SCHEMA, source_format="CSV", field_delimiter=SEPARATOR, quote_character="", write_disposition="WRITE_TRUNCATE"
    )
    job = place.bq.load_table_from_file(io.BytesIO("\n".join(lines).encode()), table, job_config=config).result()
    assert job.output_rows == len(lines)
    return table, Table(STAGING_SCHEMA, [{"line": line} for line in lines])


def ask(place: Place, sql: str) -> list[dict[str, Any]]:
    return [dict(row.items()) for row in place.bq.query_and_wait(sql)]


def is_number_respelled(google: Any, emulator: Any) -> bool:
    """Whether two texts are one number: a JSON value prints numbers of more than 17 digits rounded, and 1.50 as 1.5."""
    try:
        return math.isclose(float(google), float(emulator), rel_tol=1e-15)
    except (TypeError, ValueError):
        return False


def same(google: dict[str, Any], emulator: dict[str, Any], columns: Sequence[Column]) -> bool:
    texts = {c.name for c in columns if c.type == "STRING"}
    return google.keys() == emulator.keys() and all(
        google[name] == emulator[name] or (name in texts and is_number_respelled(google[name], emulator[name])) for name in google
    )


@pytest.fixture
def served(place: Place) -> dict[str, list[bytes]]:
    """Some records of a day of each dataset; of warnings there may be none."""
    found = {key: place.api.expected(CODES[key], DAY)[:80] for key in TWELVE}
    # A whole day, so that a value can stand still for more than one.
    found["generation_outturn"] = [line for line in place.api.expected("FUELHH", DAY) if b"CCGT" in line or b"INTFR" in line]
    warnings = (f'{{"dataset":"SYSWARN","publishTime":"2024-01-05T12:0{n}:00Z","warningType":"MARGIN","warningText":"{n} GW\\r\\nshort"}}' for n in range(4))
    return found | {"system_warnings": [line.encode() for line in warnings]}


@pytest.mark.parametrize("key", TWELVE)
def test_both_engines_make_the_same_rows(place: Place, served: dict[str, list[bytes]], key: str) -> None:
    dataset = REGISTRY[key]
    # A line that has all fields.
    whole = max(served[key][:50], key=len)
    lines = [*dict.fromkeys([*(line.decode() for line in served[key][:50]), *odd_lines(dataset, whole), *NO_RECORDS])]
    staging, table = stage(place, lines)
    google = {row["line"]: row for row in google_sql.execute(sent.rows_sql(dataset, staging), {staging: table})}
    emulator = {row["line"]: row for row in ask(place, sent.rows_sql(dataset, staging))}
    assert google.keys() == emulator.keys() == {*lines}
    differing = [(google[line], emulator[line]) for line in lines if not same(google[line], emulator[line], dataset.columns)]
    assert differing[:3] == []
    # The lines are what they are meant to be.
    assert all(google[line.decode()]["wrong_column"] is None for line in served[key][:50])
    assert all(google[line]["record_day"] is None for line in NO_RECORDS)
    sql = sent.check_sql(dataset, staging)
    by_day = [{row["record_day"]: row for row in rows} for rows in (google_sql.execute(sql, {staging: table}), ask(place, sql))]
    assert by_day[0] == by_day[1]
    assert by_day[0][DAY]["wrong_count"] > 5


def bounds_broken(dataset: Dataset, lines: Sequence[bytes]) -> Iterator[str]:
    """Three days: as served, one value that stands still, and from the middle on values beyond belief with zeros between."""
    sources = {c.name: c.source for c in dataset.columns}
    rules = sorted({sources[rule.column] for rule in dataset.checks})
    for number, line in enumerate(lines):
        later = [line.replace(b"2024-01-05T", b"2024-01-%02dT" % day).replace(b'"2024-01-05"', b'"2024-01-%02d"' % day) for day in (6, 7)]
        yield line.decode()
        for text, value in zip(later, ("17", "17" if number < len(lines) / 2 else ("99999999", "0", "-99999999")[number % 3]), strict=True):
            for source in rules:
                text = with_value(text, source, value).encode()
            yield text.decode()


def spelled_alike(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without the fingerprints, which are never compared across engines; numbers in texts are spelled in one way."""
    for row in rows:
        del row["print_sum"], row["digest"]
        for name in [name for name in row if name.endswith("_first") and row[name]]:
            row[name] = re.sub(r"-?\d+(\.\d+)?(e[+-]?\d+)?", lambda number: repr(float(number[0])), row[name])
    return sorted(rows, key=lambda row: row["settlement_date"])


# Levels with from and to, the richest shape; the others with --long.
BOTH = ("bid_offer_acceptances",)


@pytest.mark.parametrize("key", [key if key in BOTH else pytest.param(key, marks=pytest.mark.long) for key in TWELVE])
def test_both_engines_publish_and_check_the_same(place: Place, served: dict[str, list[bytes]], key: str) -> None:
    dataset = REGISTRY[key]
    table, ledger = place.table_id(key), f"{place.bq.project}.{place.dataset_id}.{LEDGER}"
    place.bq.create_table(table_of(dataset, table))
    place.bq.create_table(ledger_table(ledger))
    lines = [*dict.fromkeys(bounds_broken(dataset, served[key]))]
    staging, staged = stage(place, lines)
    tables = {staging: staged, table: Table(table_schema(dataset), []), ledger: Table(LEDGER_SCHEMA, [])}

    def both(sql: str, batch: list[dict[str, Any]]) -> str:
        """Publish in both; what the engines say against it."""
        parameters, said = sent.ledger_parameters(batch), []
        try:
            google_sql.execute(sql, tables, parameters)
        except Refused as error:
            said.append(str(error))
        try:
            place.bq.query(sql, job_config=bigquery.QueryJobConfig(query_parameters=parameters), job_retry=None).result()
        except Exception as error:
            said.append(str(error))
        for name in (table, ledger):
            # Digests are never compared across engines.
            held, google = ([{**row, "digest": 0} for row in rows] for rows in (ask(place, f"SELECT * FROM `{name}`"), tables[name].rows))
            assert sorted(map(repr, held)) == sorted(map(repr, google)), name
        assert len(said) in (0, 2), said
        told = {message for message in (sent.NEWER_LOADED, sent.UNSOUND) for text in said if message in text}
        assert len(told) <= 1, said
        return told.pop() if told else "".join(said)

    counts = {row["record_day"]: row["key_count"] for row in ask(place, sent.check_sql(dataset, staging))}
    days = sorted(counts)
    assert len(days) >= 3
    batch = [entry | {"table_rows": counts[entry["settlement_date"]]} for entry in entries(dataset, days)]
    sql = publish(dataset, table, days, staging, ledger)
    assert both(sql, batch) == ""
    assert len(tables[table].rows) == sum(counts.values())
    content = quality.content_sql(dataset, table, days)
    answers = [spelled_alike(rows) for rows in (google_sql.execute(content, tables), ask(place, content))]
    assert answers[0] == answers[1]
    assert sum(row[name] for row in answers[0] for name in row if name.startswith("outside_") and not name.endswith("_first")) or not dataset.checks
    assert all(any(row[f"stuck_{n}"] for row in answers[0]) for n, rule in enumerate(dataset.checks) if rule.still_hours)
    # The same once more; a day that has become empty; an older object.
    assert both(sql, batch) == ""
    assert both(publish(dataset, table, days[:1], None, ledger), entries(dataset, days[:1], table_rows=0, generation=8, identity="j")) == ""
    assert both(sql, batch) == sent.NEWER_LOADED
    # Unchecked, the transaction itself says that the lines are others than was told, and nothing is done.
    unchecked = publish(dataset, table, days[1:2], staging, ledger, is_checked=False)
    assert both(unchecked, entries(dataset, days[1:2], table_rows=9_999, generation=9)) == sent.UNSOUND
    assert both(unchecked, entries(dataset, days[1:2], table_rows=counts[days[1]], generation=9)) == ""
