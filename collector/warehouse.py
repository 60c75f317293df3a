"""BigQuery's side: the tables of the registry, the load ledger, and the SQL that makes rows of raw lines.

Objects are staged line by line, one STRING column, so that no change at the source can break a load; the SQL below
turns a line into a typed row. A value that is present but not of its column's type is counted, never stored as null.
A line is parsed once; the JSON functions see a JSON value and no text, of which BigQuery has no SAFE. form.

The SQL is written for BigQuery. Where a plain cast would do there but the emulator is laxer (it rounds '12.5' to an
INT64, takes '1e400' as infinity), the pattern that the value must match stands beside the cast.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import requests
from google.api_core.exceptions import GoogleAPICallError
from google.api_core.retry import Retry
from google.auth.exceptions import TransportError
from google.cloud import bigquery

from collector import cloud
from collector.command_line import LOADER
from datasets_config import INSTANT, SETTLEMENT_DATE, SETTLEMENT_PERIOD, Column, Dataset

# Reasons, of a refused request or of a failed job, after which the same may succeed a little later.
TRANSIENT = frozenset({
    "backendError", "internalError", "badGateway", "rateLimitExceeded", "jobRateLimitExceeded", "jobBackendError",
    "jobInternalError", "stopped", "timeout", "tableUnavailable",
})  # fmt: skip
_TRANSIENT_STATUS = frozenset({408, 429, 500, 502, 503, 504})
_CONFLICTS = ("aborted due to concurrent update", "transaction is aborted", "failed to commit", "could not serialize", "violates primary key")


def is_conflict(message: str) -> bool:
    """Whether something was not done because another one was doing the like at the same moment."""
    return any(text in message.lower() for text in _CONFLICTS)


def is_transient(error: BaseException) -> bool:
    """Whether sending the same request again may help. The library's own judgement leaves out gateway time-outs and
    the rate limit on jobs."""
    if isinstance(error, GoogleAPICallError):
        reasons = {detail.get("reason") for detail in error.errors if isinstance(detail, dict)}
        again = error.code in _TRANSIENT_STATUS or bool(reasons & TRANSIENT) or is_conflict(str(error))
        return again and "quotaExceeded" not in reasons
    if isinstance(error, requests.exceptions.SSLError):
        return False
    return isinstance(error, (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError, ConnectionError, TransportError))  # fmt: skip


# Every call that it is given to may be repeated: jobs carry our ids, tables are made and dropped by name. Five minutes
# outlast a bad spell.
RETRY = Retry(predicate=is_transient, initial=0.5, maximum=30.0, timeout=300.0)

LEDGER = "collector_load_ledger"
STAGING_PREFIX = "collector_staging_"
# One column for a whole line: the separator is a byte that cannot stand in JSON.
STAGING_SCHEMA = [bigquery.SchemaField("line", "STRING")]
SEPARATOR = "\x01"
LEDGER_SCHEMA = [
    bigquery.SchemaField("dataset", "STRING", "REQUIRED", description="Key of the dataset"),
    bigquery.SchemaField("settlement_date", "DATE", "REQUIRED", description="GB settlement day that was loaded"),
    bigquery.SchemaField("object", "STRING", "REQUIRED", description="Name of the day object"),
    bigquery.SchemaField("generation", "INT64", "REQUIRED", description="Generation of the object when it was listed"),
    bigquery.SchemaField("identity", "STRING", "REQUIRED", description="SHA-256 of the uncompressed lines"),
    bigquery.SchemaField("object_rows", "INT64", "REQUIRED", description="Records in the object"),
    bigquery.SchemaField("table_rows", "INT64", "REQUIRED", description="Rows in the table: distinct by natural key"),
    bigquery.SchemaField("conflicts", "INT64", "REQUIRED", description="Keys with different rows at one publication time"),
    bigquery.SchemaField("fetched_at", "TIMESTAMP", description="When the source was asked [UTC]"),
    bigquery.SchemaField("loaded_at", "TIMESTAMP", "REQUIRED", description="When the day was published [UTC]"),
    bigquery.SchemaField("table_created", "TIMESTAMP", "REQUIRED", description="Creation of the table; rows of a dropped table do not count [UTC]"),
    # Nullable, as versions without them go on adding rows; `upgraded` adds them to a ledger of such a version.
    bigquery.SchemaField("column_hash", "STRING", description="Columns of the registry that the day was loaded with, as a hash"),
    bigquery.SchemaField("digest", "INT64", description="Sum over the rows of the day in the table, all columns, when it was published"),
]  # fmt: skip

# The record of a line; null for a line that is no JSON. Two things that JSON allows make a line unreadable to BigQuery:
# half a surrogate pair, which is no character, and a number that no double holds. The second attempt has U+FFFD for
# each half in it, and texts for numbers: the value is then what is wrong, not the line.
_RECORD = (
    "COALESCE(SAFE.PARSE_JSON(line, wide_number_mode => 'round'), "
    r"""SAFE.PARSE_JSON(REGEXP_REPLACE(REGEXP_REPLACE(line, r'\\u[dD][89a-fA-F][0-9a-fA-F]{2}', r'\\ufffd'), """
    r"""r'("\s*:\s*)(-?[0-9][0-9.eE+-]*)', r'\1"\2"'), wide_number_mode => 'round'))"""
)

# Type -> (pattern that the text of a value must match, expression over that text).
_CASTS = {
    "STRING": (None, "{x}"),
    "INT64": (r"^-?[0-9]+(\.0+)?$", r"SAFE_CAST(REGEXP_REPLACE({x}, r'\.0+$', '') AS INT64)"),
    "FLOAT64": (
        r"^-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?$",
        "IF(ABS(SAFE_CAST({x} AS FLOAT64)) <= 1.7e308, SAFE_CAST({x} AS FLOAT64), NULL)",
    ),
    "BOOL": (r"^(true|false)$", "{x} = 'true'"),
    "DATE": (r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "SAFE_CAST({x} AS DATE)"),
    # Minutes get their seconds and more than six decimals lose the rest; a time without an offset is UTC. Of what
    # engines differ about, an hour 24 and a second 60, neither is a time here.
    "TIMESTAMP": (
        r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-9]{2}(:[0-5][0-9](\.[0-9]+)?)?(Z|[+-][0-9]{2}:[0-9]{2})?$",
        r"SAFE_CAST(REGEXP_REPLACE(REGEXP_REPLACE({x}, r'^(.{{16}})(Z|[+-].*)?$', r'\1:00\2'), r'(\.[0-9]{{6}})[0-9]+', r'\1') AS TIMESTAMP)",
    ),
}


def table_schema(dataset: Dataset) -> list[bigquery.SchemaField]:
    """The columns of a dataset's table, with descriptions and units."""
    return [
        bigquery.SchemaField(c.name, c.type, "REQUIRED" if c.required else "NULLABLE", description=c.description)
        for c in dataset.columns
    ]


def table_of(dataset: Dataset, table_id: str) -> bigquery.Table:
    """The table as the registry wants it. table_id: project.dataset.table."""
    table = bigquery.Table(table_id, schema=table_schema(dataset))
    table.description = f"{dataset.title}. {dataset.description}."
    table.time_partitioning = bigquery.TimePartitioning(type_=dataset.partition, field="settlement_date")
    table.clustering_fields = list(dataset.clustering)
    table.labels = {"dataset": dataset.key}
    return table


def ledger_table(table_id: str) -> bigquery.Table:
    """The load ledger: a row for each time a day was published; the newest of a day counts.

    Rows are only added, so that publishing two datasets at one time does not conflict on it.
    """
    table = bigquery.Table(table_id, schema=LEDGER_SCHEMA)
    table.description = "Which day objects are loaded into which tables"
    table.clustering_fields = ["dataset", "settlement_date"]
    return table


# Ten hexadecimal digits: the sum over a day of eight million rows still fits an INT64.
_DIGITS = 10


def print_of(text: str) -> str:
    """An expression: a number of 40 bits that stands for a text."""
    return f"CAST(CONCAT('0x', SUBSTR(TO_HEX(MD5({text})), 1, {_DIGITS})) AS INT64)"


def row_print(dataset: Dataset) -> str:
    """An expression over a row of the table: a number that stands for all columns of the registry. The sum over a day is its
    digest, whatever the order of rows: a row that is gone, doubled, changed or moved to another day changes it. Numbers are
    spelled differently by different engines: it is compared with what the same engine has computed, straight from the table."""
    texts = []
    for column in dataset.columns:
        # The text of a time depends on the session's time zone.
        value = f"UNIX_MICROS({column.name})" if column.type == "TIMESTAMP" else column.name
        text = f"CONCAT('|', {value if column.type == 'STRING' else f'CAST({value} AS STRING)'})"
        texts.append(text if column.required else f"IFNULL({text}, '!')")
    return print_of(f"CONCAT({', '.join(texts)})")


def _hash_of(columns: Iterable[tuple[str, str]]) -> str:
    return hashlib.sha256("\n".join(f"{name} {kind}" for name, kind in sorted(columns)).encode()).hexdigest()[:12]


def column_hash(dataset: Dataset) -> str:
    """What tells the columns of the registry, names and types, from those of another version of it."""
    return _hash_of((c.name, c.type) for c in dataset.columns)


# A label of a table: since when (seconds since 1970, the loader's clock) it has the newest of its columns.
COLUMNS_ADDED = "columns_added"


@dataclass(frozen=True)
class Loaded:
    """The newest ledger row of a day.

    is_whole: it was loaded with all columns that the registry has: with these, or with all that the table has, by a newer
    version, and after the last of them was added. A row of a version that did not note its columns is taken to be.
    digest: see row_print; None where there is none, or one of other columns.
    """

    generation: int
    identity: str
    object_rows: int
    table_rows: int
    conflicts: int
    loaded_at: datetime
    is_whole: bool = True
    digest: int | None = None

    @classmethod
    def of(cls, row: bigquery.Row, dataset: Dataset, table: bigquery.Table) -> Loaded:
        """From a row of ledger_query about the dataset's live table."""
        known = column_hash(dataset)
        live = _hash_of((f.name, _SAME_TYPE.get(f.field_type, f.field_type)) for f in table.schema)
        added = (table.labels or {}).get(COLUMNS_ADDED, "")
        is_whole = row.column_hash in (None, known, live) and not (added.isdigit() and row.loaded_at.timestamp() < int(added))
        return cls(
            row.generation, row.identity, row.object_rows, row.table_rows, row.conflicts, row.loaded_at, is_whole,
            row.digest if row.column_hash == known else None,
        )  # fmt: skip


def is_loaded(entry: Loaded | None, identity: str) -> bool:
    """Whether a day, by its ledger row, is in the table as the object of this identity has it, in all columns."""
    return entry is not None and entry.is_whole and entry.identity == identity


def upgraded(ledger: bigquery.Table) -> bool:
    """Add to a ledger of an earlier version the columns that it lacks, in its schema here; whether it lacked any."""
    names = {f.name for f in ledger.schema}
    lacking = [f for f in LEDGER_SCHEMA if f.name not in names]
    ledger.schema = [*ledger.schema, *lacking]
    return bool(lacking)


def ledger_query(ledger_id: str, has_digest: bool = True) -> str:
    """The newest ledger rows of @dataset's table created at @created, between @first and @last. has_digest: whether the
    ledger has the columns that those of earlier versions lack."""
    late = "column_hash, digest" if has_digest else "CAST(NULL AS STRING) AS column_hash, CAST(NULL AS INT64) AS digest"
    return (
        f"SELECT settlement_date, generation, identity, object_rows, table_rows, conflicts, loaded_at, {late} FROM `{ledger_id}` "
        "WHERE dataset = @dataset AND table_created = @created AND settlement_date BETWEEN @first AND @last "
        # What claims to be of the future would never be superseded.
        "QUALIFY ROW_NUMBER() OVER (PARTITION BY settlement_date ORDER BY generation DESC, loaded_at > CURRENT_TIMESTAMP(), loaded_at DESC) = 1"
    )


def _source(path: str) -> str:
    """The text of a field of `record`; null for a JSON null, an object, a list or a line that is no JSON."""
    return f"JSON_VALUE(record, '$.{path}')"


def _typed(text: str, kind: str) -> str:
    pattern, cast = _CASTS[kind]
    value = cast.format(x=text)
    return value if pattern is None else f"IF(REGEXP_CONTAINS({text}, r'{pattern}'), {value}, NULL)"


def _paths(dataset: Dataset) -> dict[str, str]:
    """Each field that is read -> the alias of its text."""
    paths = [*dataset.instant.fields, *(c.source for c in dataset.columns if not c.source.startswith("@"))]
    return {path: f"text_{number}" for number, path in enumerate(dict.fromkeys(paths))}


def _instant(dataset: Dataset) -> str:
    alias, fields = _paths(dataset), dataset.instant.fields
    minutes = int(dataset.instant.shift.total_seconds() // 60)
    first = alias[fields[0]]
    if len(fields) == 1:
        time = _typed(first, "TIMESTAMP")
        instant = f"TIMESTAMP_ADD({time}, INTERVAL {minutes} MINUTE)" if minutes else time
    else:
        day, period = _typed(first, "DATE"), _typed(alias[fields[1]], "INT64")
        instant = f"TIMESTAMP_ADD(TIMESTAMP({day}, 'Europe/London'), INTERVAL 30 * (IF({period} BETWEEN 1 AND 50, {period}, NULL) - 1) MINUTE)"
    # At the ends of the calendar the arithmetic would fail, and with it the query for all days of the batch.
    return f"IF(REGEXP_CONTAINS({first}, r'^(19|20)'), {instant}, NULL)"


def _expression(column: Column, alias: dict[str, str]) -> str:
    if column.source == INSTANT:
        return "record_instant"
    if column.source == SETTLEMENT_DATE:
        return "record_day"
    if column.source == SETTLEMENT_PERIOD:
        # Half hours since local midnight: right on the days of 46 and 50 periods too.
        return "DIV(TIMESTAMP_DIFF(record_instant, TIMESTAMP(record_day, 'Europe/London'), MINUTE), 30) + 1"
    return _typed(alias[column.source], column.type)


def rows_sql(dataset: Dataset, staging_id: str) -> str:
    """A SELECT of typed rows from staged lines: the columns, `line`, and `record_day` (null when unreadable)."""
    alias = _paths(dataset)
    texts = ", ".join(f"{_source(path)} AS {name}" for path, name in alias.items())
    columns = ", ".join(f"{_expression(c, alias)} AS {c.name}" for c in dataset.columns)
    wrong = "\n".join(
        f"    WHEN {_wrong(column, alias)} THEN '{column.name}'" for column in dataset.columns if column.source in alias or column.required
    )
    return f"""
  SELECT line, record_day, {columns},
    CASE
{wrong}
    END AS wrong_column
  FROM (
    SELECT *, DATE(record_instant, 'Europe/London') AS record_day FROM (
      SELECT *, {_instant(dataset)} AS record_instant FROM (
        SELECT line, record, {texts} FROM (SELECT line, {_RECORD} AS record FROM `{staging_id}`))))"""


def _wrong(column: Column, alias: dict[str, str]) -> str:
    """Whether a value is there but not of its type, or is not there though it must be."""
    value = _expression(column, alias)
    if column.required:
        return f"({value}) IS NULL"
    # A value of the wrong type is not null in the line; an object or a list has no text but is not null either.
    return f"({value}) IS NULL AND IFNULL(JSON_TYPE(JSON_QUERY(record, '$.{column.source}')), 'null') != 'null'"


def _version(dataset: Dataset) -> str:
    """What the newest of several rows with one key is told by; a constant where the source does not say."""
    if not dataset.version:
        return "0"
    if not dataset.version_order:
        return dataset.version
    ranks = " ".join(f"WHEN '{code}' THEN {rank}" for rank, code in enumerate(dataset.version_order, 1))
    return f"CASE {dataset.version} {ranks} ELSE 0 END"


def check_sql(dataset: Dataset, staging_id: str) -> str:
    """For each day of the staged lines: lines, keys, conflicts, lines with a wrong value, and the first of those.

    A conflict is a key with different lines at the newest publication time. Unreadable lines have a null day.
    """
    key = ", ".join(dataset.natural_key)
    return f"""
SELECT record_day, SUM(lines) AS line_count, COUNT(*) AS key_count, COUNTIF(differing) AS conflict_count,
  SUM(wrong_lines) AS wrong_count, MIN(wrong_column) AS wrong_column, MIN(wrong_line) AS wrong_line
FROM (
  SELECT record_day, {key}, SUM(lines) AS lines, SUM(wrong_lines) AS wrong_lines, MIN(wrong_column) AS wrong_column,
    MIN(wrong_line) AS wrong_line,
    LOGICAL_OR(differing AND newest) AS differing
  FROM (
    SELECT record_day, {key}, COUNT(*) AS lines, COUNTIF(wrong_column IS NOT NULL) AS wrong_lines,
      MIN(wrong_column) AS wrong_column, MIN(IF(wrong_column IS NOT NULL, SUBSTR(line, 1, 300), NULL)) AS wrong_line,
      MIN(line) != MAX(line) AS differing,
      ROW_NUMBER() OVER (PARTITION BY record_day, {key} ORDER BY row_version DESC) = 1 AS newest
    FROM (SELECT *, {_version(dataset)} AS row_version FROM ({rows_sql(dataset, staging_id)}))
    GROUP BY record_day, {key}, row_version)
  GROUP BY record_day, {key})
GROUP BY record_day"""


NEWER_LOADED = "another loader has published newer objects of these days"
DOUBLED = "another loader has published the same days at the same moment"
UNSOUND = "the staged lines are not what was stored by its metadata"


def _refuse(condition: str, message: str) -> str:
    """A statement that ends the script with `message` if the condition holds. ASSERT is not among what BigQuery's
    documentation allows in a transaction, SELECT is."""
    return f"SELECT IF({condition}, ERROR('{message}'), 0)"


def publish_sql(
    dataset: Dataset, table_id: str, ledger_id: str, staging_id: str | None, days: Sequence[date], is_checked: bool = True
) -> str:
    """One transaction that replaces the days and records them: an analyst sees all or nothing.

    The digest of each day is computed from the rows as they are in the table, which are read once for it.
    Afterwards the rows are counted: two transactions that only add do not disturb each other where conflicts are told
    by what was deleted (BigQuery aborts one of them, DuckLake, which the emulator stands on, does not).
    @entries: array of STRUCTs like a ledger row. days: written out, as BigQuery leaves partitions unread only for
    literals; 1,000 of them make 60 KB of the 1 MB that a statement may have. staging_id None: every day is empty.
    is_checked: check_sql has told that the lines are sound. Otherwise the transaction itself ends with UNSOUND if a line
    has a wrong value, or a day not as many rows as its entry says: then every line is read once, not twice.
    """
    columns = ", ".join(c.name for c in dataset.columns)
    newest = f"{_version(dataset)} DESC, line DESC" if dataset.version else "line DESC"
    these = f"({', '.join(f'DATE {str(day)!r}' for day in days)})"
    insert, digested, digest = "", "", "0"
    if staging_id:
        sound = "" if is_checked else f" AND IF(wrong_column IS NULL, TRUE, ERROR('{UNSOUND}'))"
        insert = f"""
INSERT INTO `{table_id}` ({columns})
SELECT {columns} FROM ({rows_sql(dataset, staging_id)})
WHERE record_day IN {these}{sound}
QUALIFY ROW_NUMBER() OVER (PARTITION BY {", ".join(dataset.natural_key)} ORDER BY {newest}) = 1;
"""
        digested = f""" LEFT JOIN (
  SELECT settlement_date, COUNT(*) AS row_count, SUM({row_print(dataset)}) AS digest FROM `{table_id}` WHERE settlement_date IN {these}
  GROUP BY settlement_date
) AS digested ON digested.settlement_date = entry.settlement_date"""
        digest = "IFNULL(digested.digest, 0)"
        if not is_checked:
            digest = f"IF(IFNULL(digested.row_count, 0) = entry.table_rows, {digest}, ERROR('{UNSOUND}'))"
    newer = f"""EXISTS (
  SELECT 1 FROM `{ledger_id}` AS done JOIN UNNEST(@entries) AS entry
  ON done.dataset = entry.dataset AND done.settlement_date = entry.settlement_date
    AND done.table_created = entry.table_created
  WHERE done.generation > entry.generation AND done.identity != entry.identity
)"""
    told = [f.name for f in LEDGER_SCHEMA if f.name != "digest"]
    counted = f"(SELECT COUNT(*) FROM `{table_id}` WHERE settlement_date IN {these})"
    return f"""
BEGIN TRANSACTION;
{_refuse(newer, NEWER_LOADED)};
DELETE FROM `{table_id}` WHERE settlement_date IN {these};
{insert}
INSERT INTO `{ledger_id}` ({", ".join(told)}, digest)
SELECT {", ".join(f"entry.{name}" for name in told)}, {digest}
FROM UNNEST(@entries) AS entry{digested};
COMMIT TRANSACTION;
{_refuse(f"{counted} != (SELECT IFNULL(SUM(entry.table_rows), 0) FROM UNNEST(@entries) AS entry)", DOUBLED)};
"""


def ledger_parameters(entries: Sequence[dict[str, Any]]) -> list[bigquery.ArrayQueryParameter]:
    """@entries for publish_sql; the digest is computed there."""
    told = [f for f in LEDGER_SCHEMA if f.name != "digest"]
    structs = [
        bigquery.StructQueryParameter(None, *(bigquery.ScalarQueryParameter(f.name, f.field_type, e[f.name]) for f in told))
        for e in entries
    ]  # fmt: skip
    return [bigquery.ArrayQueryParameter("entries", "STRUCT", structs)]


def within(days: Collection[date]) -> str:
    """The condition that a row is of one of these days (at least one), in literals: BigQuery reads only their partitions."""
    first, last = min(days), max(days)
    if len(days) == (last - first).days + 1:
        return f"settlement_date BETWEEN DATE '{first}' AND DATE '{last}'"
    return "settlement_date IN ({})".format(", ".join(f"DATE '{day}'" for day in sorted(days)))


def partition_of(dataset: Dataset, day: date) -> str:
    """BigQuery's name of the partition that holds a day of the dataset's table."""
    return f"{day:%Y%m%d}"[: {"DAY": 8, "MONTH": 6}[dataset.partition]]


def counts_sql(table_id: str, days: Collection[date]) -> str:
    """Rows of the table for each of these settlement days."""
    return f"SELECT settlement_date, COUNT(*) AS row_count FROM `{table_id}` WHERE {within(days)} GROUP BY settlement_date"


def partitions_sql(home_id: str) -> str:
    """Rows of each partition of each table, from metadata. home_id: project.dataset."""
    return f"SELECT table_name, partition_id, total_rows FROM `{home_id}.INFORMATION_SCHEMA.PARTITIONS` WHERE total_rows > 0"


# ---------------------------------------------------------------------------------------------- schema checks
@dataclass(frozen=True)
class Difference:
    """One difference between registry, live table and source. additive: --update-schema can mend it; blocking: nothing
    can be loaded before it is mended."""

    dataset: str
    kind: str
    text: str
    additive: bool = False
    blocking: bool = False

    def __str__(self) -> str:
        return f"{self.dataset}: {self.kind}: {self.text}"


_SAME_TYPE = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL"}


def schema_differences(dataset: Dataset, live: bigquery.Table | None, seen: frozenset[str], newest: frozenset[str]) -> list[Difference]:
    """What differs between the registry, the live table (None: not there) and the stored objects' field names.

    seen: names in any stored object; newest: names in the newest object that holds records.
    """
    found: list[Difference] = []

    def add(kind: str, text: str, additive: bool = False, blocking: bool = False) -> None:
        found.append(Difference(dataset.key, kind, text, additive, blocking))

    if live is None:
        add("missing table", f"{dataset.table} does not exist; a load or --update-schema creates it", True)
    else:
        columns = {f.name: f for f in live.schema}
        for column in dataset.columns:
            field = columns.pop(column.name, None)
            mode = "REQUIRED" if column.required else "NULLABLE"
            if field is None:
                add("missing column", f"{column.name} {column.type}", not column.required, blocking=True)
                continue
            kind = _SAME_TYPE.get(field.field_type, field.field_type)
            if kind != column.type:
                add("wrong type", f"{column.name} is {kind}, should be {column.type}", blocking=True)
            if (field.mode or "NULLABLE") != mode:
                add("wrong mode", f"{column.name} is {field.mode}, should be {mode}", blocking=mode == "NULLABLE" or field.mode == "REPEATED")
            if (field.description or "") != column.description:
                add("description", f"{column.name} says {field.description!r}, should say {column.description!r}", True)
        for name, field in columns.items():
            add("extra column", f"{name} is in the table but not in the registry", blocking=field.mode == "REQUIRED")
        partitioning = live.time_partitioning
        if partitioning is None or (partitioning.type_, partitioning.field) != (dataset.partition, "settlement_date"):
            add("partitioning", f"should be by {dataset.partition} of settlement_date")
        if tuple(live.clustering_fields or ()) != dataset.clustering:
            add("clustering", f"is {live.clustering_fields}, should be {list(dataset.clustering)}")
    for name in sorted(seen - dataset.source_fields):
        add("new field at source", f"{json.dumps(name)} is in stored objects but not in the registry; add a column for it")
    if newest:
        for name in sorted(dataset.source_fields - newest):
            add("field gone", f"{json.dumps(name)} is no longer in the newest stored object")
    return found


# What mends a table that the additive changes cannot.
REMAKE = "drop or rename the table {}, the next load makes it anew from the stored objects"


def unfit(dataset: Dataset, table: bigquery.Table) -> str:
    """Why nothing can be loaded into a live table, and what mends it; "" when it fits."""
    if expiring := cloud.expiring_table(table):
        return expiring
    found = [d for d in schema_differences(dataset, table, frozenset(), frozenset()) if d.blocking]
    if not found:
        return ""
    mend = f"run {LOADER} --update-schema --datasets {dataset.key}" if all(d.additive for d in found) else REMAKE.format(dataset.table)
    return f"the table does not fit: {'; '.join(f'{d.kind}: {d.text}' for d in found)}; {mend}"
