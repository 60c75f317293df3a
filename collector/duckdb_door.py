"""SQL for DuckDB: views over a folder of day objects, with the columns, types and rows that the BigQuery tables have.

    python3 -m collector.duckdb_door FOLDER > gb.sql

FOLDER holds what the bucket holds, `raw/<key>/<YYYY>/<MM>/...`; of a dataset that is not in it there is no view. A value that
is not of its column's type, for which the loader would refuse the day, is null here.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from collector.registry.model import COMPUTED, INSTANT, SETTLEMENT_DATE, SETTLEMENT_PERIOD, Column, Dataset
from collector.warehouse.sql import PATTERNS, versions_of
from datasets_config import REGISTRY

TYPES = {
    "STRING": "VARCHAR", "INT64": "BIGINT", "FLOAT64": "DOUBLE", "BOOL": "BOOLEAN", "DATE": "DATE", "TIMESTAMP": "TIMESTAMP WITH TIME ZONE", "JSON": "JSON",
}  # fmt: skip
_LONDON = "'Europe/London'"


def _typed(field: str, kind: str) -> str:
    """The value of a field of `record`, null where it is not of the type; the patterns are those of the loader."""
    path = f'$."{field}"' if field.startswith("@") else f"$.{field}"
    if kind == "JSON":
        return f"json_extract(record, '{path}')"
    text = f"json_extract_string(record, '{path}')"
    if kind == "STRING":
        return text
    exact = text
    if kind == "TIMESTAMP":
        # As the loader: minutes get their seconds, more than six decimals lose the rest.
        exact = rf"regexp_replace(regexp_replace({text}, '^(.{{16}})(Z|[+-].*)?$', '\1:00\2'), '(\.[0-9]{{6}})[0-9]+', '\1')"
    value = f"try_cast({exact} AS {TYPES[kind]})"
    if kind == "FLOAT64":
        value = f"CASE WHEN isfinite({value}) THEN {value} END"
    return f"CASE WHEN regexp_matches({text}, '{PATTERNS[kind]}') THEN {value} END"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _midnight(day: str) -> str:
    return f"timezone({_LONDON}, ({day})::TIMESTAMP)"


def _instant(dataset: Dataset) -> str:
    fields, minutes = dataset.instant.fields, int(dataset.instant.shift.total_seconds() // 60)
    if len(fields) == 2:
        return f"{_midnight(_typed(fields[0], 'DATE'))} + (({_typed(fields[1], 'INT64')} - 1) * 30) * INTERVAL 1 MINUTE"
    if dataset.instant.is_date:
        return _midnight(_typed(fields[0], "DATE"))
    return f"{_typed(fields[0], 'TIMESTAMP')} + {minutes} * INTERVAL 1 MINUTE"


def _expression(column: Column) -> str:
    if column.source in COMPUTED:
        return {
            INSTANT: "record_instant",
            SETTLEMENT_DATE: "record_day",
            SETTLEMENT_PERIOD: f"(date_diff('minute', {_midnight('record_day')}, record_instant) // 30) + 1",
        }[column.source]
    return _typed(column.source, column.type)


def view_sql(dataset: Dataset, folder: Path) -> str:
    """The view over the dataset's objects in a folder."""
    files = _literal(str(folder.resolve() / "raw" / dataset.key / "*" / "*" / "*.ndjson.gz"))
    columns = ",\n  ".join(f"({_expression(c)})::{TYPES[c.type]} AS {c.name}" for c in dataset.columns)
    newest = ", ".join(f"{version} DESC NULLS LAST" for version in (*versions_of(dataset), "line"))
    names = ", ".join(c.name for c in dataset.columns)
    comment = _literal(f"{dataset.title}. {dataset.description}.")
    told = "".join(
        f"COMMENT ON COLUMN {dataset.table}.{c.name} IS {_literal(c.description)};\n" for c in dataset.columns
    )
    return f"""
CREATE OR REPLACE VIEW {dataset.table} AS
SELECT {names} FROM (SELECT line, record_day,
  {columns}
FROM (
  SELECT *, (record_instant AT TIME ZONE {_LONDON})::DATE AS record_day FROM (
    SELECT line, record, {_instant(dataset)} AS record_instant FROM (
      SELECT line, try_cast(line AS JSON) AS record FROM read_csv(
        {files}, columns = {{'line': 'VARCHAR'}}, delim = '\x01', quote = '', escape = '', header = false, auto_detect = false, max_line_size = 16000000)))))
WHERE record_day IS NOT NULL
QUALIFY row_number() OVER (PARTITION BY record_day, {", ".join(dataset.natural_key)} ORDER BY {newest}) = 1;
COMMENT ON VIEW {dataset.table} IS {comment};
{told}"""


def statements(datasets: Iterable[Dataset], folder: Path) -> Iterator[str]:
    """The whole file, piece by piece."""
    yield (
        "-- Views over the day objects of GB electricity data. Time zones need DuckDB's ICU; times are shown in UTC.\n"
        "INSTALL icu;\nLOAD icu;\nSET TimeZone = 'UTC';\n"
    )
    for dataset in datasets:
        if any((folder / "raw" / dataset.key).glob("*/*/*.ndjson.gz")):
            yield view_sql(dataset, folder)


def main(arguments: list[str]) -> int:
    """Print the file for the folder that is named. Returns the exit code."""
    if len(arguments) != 1 or not (folder := Path(arguments[0]) / "raw").is_dir():
        print(
            "usage: python3 -m collector.duckdb_door FOLDER\nFOLDER has the bucket's objects: FOLDER/raw/...",
            file=sys.stderr,
        )
        return 2
    sys.stdout.writelines(statements(REGISTRY.values(), folder.parent))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
