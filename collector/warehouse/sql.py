"""BigQuery's side: the tables of the registry, the load ledger, and the SQL that makes rows of raw lines.

Objects are staged line by line, one STRING column, so that no change at the source can break a load; the SQL below
turns a line into a typed row. A value that is present but not of its column's type is counted, never stored as null.
A line is parsed once; the JSON functions see a JSON value and no text, of which BigQuery has no SAFE. form.

The SQL is written for BigQuery. Where a plain cast would do there but the emulator is laxer (it rounds '12.5' to an
INT64, takes '1e400' as infinity), the pattern that the value must match stands beside the cast.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any

from google.cloud import bigquery

from collector.registry.model import COMPUTED, INSTANT, SETTLEMENT_DATE, SETTLEMENT_PERIOD, Column, Dataset
from collector.warehouse.layout import LEDGER_SCHEMA

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


PATTERNS = {kind: pattern for kind, (pattern, _cast) in _CASTS.items() if pattern}

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
        value = {"TIMESTAMP": f"UNIX_MICROS({column.name})", "JSON": f"TO_JSON_STRING({column.name})"}.get(
            column.type, column.name
        )
        text = f"CONCAT('|', {value if column.type in ('STRING', 'JSON') else f'CAST({value} AS STRING)'})"
        texts.append(text if column.required else f"IFNULL({text}, '!')")
    return print_of(f"CONCAT({', '.join(texts)})")


def ledger_query(ledger_id: str, has_digest: bool = True) -> str:
    """The newest ledger rows of the datasets' tables in @tables, between @first and @last. has_digest: whether the ledger
    has the columns that those of earlier versions lack."""
    late = "column_hash, digest" if has_digest else "CAST(NULL AS STRING) AS column_hash, CAST(NULL AS INT64) AS digest"
    return (
        "SELECT done.dataset, settlement_date, generation, identity, object_rows, table_rows, conflicts, loaded_at, "
        f"{late} FROM `{ledger_id}` AS done JOIN UNNEST(@tables) AS live "
        "ON done.dataset = live.dataset AND done.table_created = live.table_created "
        "WHERE settlement_date BETWEEN @first AND @last "
        # What claims to be of the future would never be superseded.
        "QUALIFY ROW_NUMBER() OVER (PARTITION BY done.dataset, settlement_date "
        "ORDER BY generation DESC, loaded_at > CURRENT_TIMESTAMP(), loaded_at DESC) = 1"
    )


def live_tables(tables: Sequence[tuple[Dataset, bigquery.Table]]) -> bigquery.ArrayQueryParameter:
    """@tables for ledger_query; at least one."""
    structs = [
        bigquery.StructQueryParameter(
            None, bigquery.ScalarQueryParameter("dataset", "STRING", dataset.key),
            bigquery.ScalarQueryParameter("table_created", "TIMESTAMP", table.created),
        )
        for dataset, table in tables
    ]  # fmt: skip
    return bigquery.ArrayQueryParameter("tables", "STRUCT", structs)


def _path(field: str) -> str:
    """Where a field of a record is, dotted when nested; names that are no plain ones are quoted."""
    return f"$.{field}" if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.]*", field) else f'$."{field}"'


def _source(field: str) -> str:
    """The text of a field of `record`; null for a JSON null, an object, a list or a line that is no JSON."""
    return f"JSON_VALUE(record, '{_path(field)}')"


def _typed(text: str, kind: str) -> str:
    pattern, cast = _CASTS[kind]
    value = cast.format(x=text)
    return value if pattern is None else f"IF(REGEXP_CONTAINS({text}, r'{pattern}'), {value}, NULL)"


def _paths(dataset: Dataset) -> dict[str, str]:
    """Each field that is read -> the alias of its text."""
    paths = [
        *dataset.instant.fields,
        *(c.source for c in dataset.columns if c.source not in COMPUTED and c.type != "JSON"),
    ]
    return {path: f"text_{number}" for number, path in enumerate(dict.fromkeys(paths))}


def _instant(dataset: Dataset) -> str:
    alias, fields = _paths(dataset), dataset.instant.fields
    minutes = int(dataset.instant.shift.total_seconds() // 60)
    first = alias[fields[0]]
    if len(fields) == 1 and dataset.instant.is_date:
        instant = f"TIMESTAMP({_typed(first, 'DATE')}, 'Europe/London')"
    elif len(fields) == 1:
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
    if column.type == "JSON":
        # Lists and objects stay what they are.
        return f"JSON_QUERY(record, '{_path(column.source)}')"
    return _typed(alias[column.source], column.type)


def rows_sql(dataset: Dataset, staging_id: str) -> str:
    """A SELECT of typed rows from staged lines: the columns, `line`, and `record_day` (null when unreadable)."""
    alias = _paths(dataset)
    texts = ", ".join(f"{_source(path)} AS {name}" for path, name in alias.items())
    columns = ", ".join(f"{_expression(c, alias)} AS {c.name}" for c in dataset.columns)
    wrong = "\n".join(
        f"    WHEN {_wrong(column, alias)} THEN '{column.name}'"
        for column in dataset.columns
        if column.source in alias or column.required
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
    return f"({value}) IS NULL AND IFNULL(JSON_TYPE(JSON_QUERY(record, '{_path(column.source)}')), 'null') != 'null'"


def versions_of(dataset: Dataset) -> list[str]:
    """What the newest of several rows with one key is told by, the first of it first; nothing where the source does not say."""
    if not dataset.version_order:
        return list(dataset.version)
    ranks = " ".join(f"WHEN '{code}' THEN {rank}" for rank, code in enumerate(dataset.version_order, 1))
    return [f"CASE {dataset.version[0]} {ranks} ELSE 0 END", *dataset.version[1:]]


def check_sql(dataset: Dataset, staging_id: str) -> str:
    """For each day of the staged lines: lines, keys, conflicts, lines with a wrong value, and the first of those.

    A conflict is a key with different lines at the newest publication time. Unreadable lines have a null day.
    """
    key = ", ".join(dataset.natural_key)
    versions = versions_of(dataset) or ["0"]
    named = ", ".join(f"{version} AS row_version_{number}" for number, version in enumerate(versions))
    version, newest = (
        ", ".join(f"row_version_{number}{order}" for number in range(len(versions))) for order in ("", " DESC")
    )
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
      ROW_NUMBER() OVER (PARTITION BY record_day, {key} ORDER BY {newest}) = 1 AS newest
    FROM (SELECT *, {named} FROM ({rows_sql(dataset, staging_id)}))
    GROUP BY record_day, {key}, {version})
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
    dataset: Dataset,
    table_id: str,
    ledger_id: str,
    staging_id: str | None,
    days: Sequence[date],
    is_checked: bool = True,
) -> str:
    """One transaction that replaces the days and records them: an analyst sees all or nothing.

    The digest of each day is computed from the rows as they are in the table, which are read once for it.
    @entries: array of STRUCTs like a ledger row. days: written out, as BigQuery leaves partitions unread only for
    literals; 1,000 of them make 60 KB of the 1 MB that a statement may have. staging_id None: every day is empty.
    is_checked: check_sql has told that the lines are sound. Otherwise the transaction itself ends with UNSOUND if a line
    has a wrong value, or a day not as many rows as its entry says: then every line is read once, not twice.
    """
    columns = ", ".join(c.name for c in dataset.columns)
    newest = ", ".join(f"{version} DESC" for version in (*versions_of(dataset), "line"))
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
    return f"""
BEGIN TRANSACTION;
{_refuse(newer, NEWER_LOADED)};
DELETE FROM `{table_id}` WHERE settlement_date IN {these};
{insert}
INSERT INTO `{ledger_id}` ({", ".join(told)}, digest)
SELECT {", ".join(f"entry.{name}" for name in told)}, {digest}
FROM UNNEST(@entries) AS entry{digested};
COMMIT TRANSACTION;
"""


def revise_sql(
    dataset: Dataset,
    table_id: str,
    ledger_id: str,
    staging_id: str | None,
    spans: Sequence[tuple[date, datetime, datetime, int]],
) -> str:
    """One transaction that adds what days held before to the table of revisions, and records it; done again, it is the same.

    spans: of each day, since and until when it was known so, and the generation of its object. @entries: as in publish_sql.
    """
    columns = ", ".join(c.name for c in dataset.columns)
    newest = ", ".join(f"{version} DESC" for version in (*versions_of(dataset), "line"))
    these = f"({', '.join(f'DATE {str(day)!r}' for day, *_ in spans)})"
    generations = ", ".join(str(generation) for *_, generation in spans)
    insert, counted, rows = "", "", "0"
    if staging_id:
        known = " UNION ALL ".join(
            f"SELECT DATE '{day}' AS known_day, TIMESTAMP '{since.isoformat()}' AS known_from, TIMESTAMP '{until.isoformat()}' AS known_until, "
            f"{generation} AS known_generation"
            for day, since, until, generation in spans
        )
        insert = f"""
INSERT INTO `{table_id}` ({columns}, known_from, known_until, known_generation)
SELECT {columns}, known_from, known_until, known_generation FROM ({rows_sql(dataset, staging_id)})
JOIN ({known}) ON known_day = record_day
WHERE IF(wrong_column IS NULL, TRUE, ERROR('{UNSOUND}'))
QUALIFY ROW_NUMBER() OVER (PARTITION BY {", ".join(dataset.natural_key)} ORDER BY {newest}) = 1;
"""
        counted = f""" LEFT JOIN (
  SELECT settlement_date, known_generation, COUNT(*) AS row_count FROM `{table_id}`
  WHERE settlement_date IN {these} GROUP BY settlement_date, known_generation
) AS counted ON counted.settlement_date = entry.settlement_date AND counted.known_generation = entry.generation"""
        rows = "IFNULL(counted.row_count, 0)"
    told = [f.name for f in LEDGER_SCHEMA if f.name not in ("digest", "table_rows")]
    return f"""
BEGIN TRANSACTION;
DELETE FROM `{table_id}` WHERE settlement_date IN {these} AND known_generation IN ({generations});
{insert}
INSERT INTO `{ledger_id}` ({", ".join(told)}, table_rows)
SELECT {", ".join(f"entry.{name}" for name in told)}, {rows}
FROM UNNEST(@entries) AS entry{counted};
COMMIT TRANSACTION;
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
    return (
        f"SELECT settlement_date, COUNT(*) AS row_count FROM `{table_id}` WHERE {within(days)} GROUP BY settlement_date"
    )


def partitions_sql(home_id: str) -> str:
    """Rows of each partition of each table, from metadata. home_id: project.dataset."""
    return f"SELECT table_name, partition_id, total_rows FROM `{home_id}.INFORMATION_SCHEMA.PARTITIONS` WHERE total_rows > 0"
