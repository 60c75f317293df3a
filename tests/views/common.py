"""What the cases are written with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

from google.cloud.bigquery import SchemaField

from collector.warehouse.layout import LEDGER, LEDGER_SCHEMA, table_schema
from collector.warehouse.revisions import SUFFIX, revisions_table
from datasets_config import REGISTRY

LONDON, UTC = ZoneInfo("Europe/London"), timezone.utc
Row = dict[str, Any]
# Settlement days of 46, 48 and 50 periods.
SHORT, PLAIN, LONG = date(2024, 3, 31), date(2024, 6, 1), date(2024, 10, 27)
SCHEMAS: dict[str, Sequence[SchemaField]] = {dataset.table: table_schema(dataset) for dataset in REGISTRY.values()}
SCHEMAS |= {f"{dataset.table}{SUFFIX}": revisions_table(dataset, f"p.d.{dataset.table}").schema for dataset in REGISTRY.values()}
SCHEMAS[LEDGER] = LEDGER_SCHEMA
_FILL: Row = {
    "STRING": "x", "INT64": 0, "FLOAT64": 0.0, "BOOL": False, "DATE": date(2024, 1, 1), "TIMESTAMP": datetime(2024, 1, 1, tzinfo=UTC),
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """Rows of tables by table name, and what the view must have; expected: rows in any order, of which the named columns
    are compared. close: how far a number may be from what is expected."""

    tables: dict[str, list[Row]]
    expected: list[Row]
    close: float = 1e-9
    name: str = field(default="")


def utc(text: str) -> datetime:
    """`2024-03-31 01:30` as an instant."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def settled(instant: datetime) -> Row:
    """Settlement date and period, by the time zone database alone."""
    day = instant.astimezone(LONDON).date()
    return {"settlement_date": day, "settlement_period": int((instant - midnight(day)) / timedelta(minutes=30)) + 1}


def midnight(day: date) -> datetime:
    """The start of a settlement day."""
    return datetime(day.year, day.month, day.day, tzinfo=LONDON).astimezone(UTC)


def half_hours(*days: date) -> Iterator[datetime]:
    """The starts of the half hours of settlement days."""
    for day in days:
        at, end = midnight(day), midnight(day + timedelta(days=1))
        while at < end:
            yield at
            at += timedelta(minutes=30)


def rows(table: str, *given: Row) -> dict[str, list[Row]]:
    """Rows of a table: what is not given and must be there is filled in, settlement date and period from the instant."""
    schema, made = SCHEMAS[table], []
    dataset = next((dataset for dataset in REGISTRY.values() if dataset.table == table.removesuffix(SUFFIX)), None)
    told = [c.name for c in dataset.columns if c.source == "@instant" or c.source in dataset.instant.fields] if dataset else []
    for row in given:
        instant = next((row[name] for name in told if isinstance(row.get(name), datetime)), None)
        whole = {**(settled(instant) if instant else {}), **row}
        unknown = whole.keys() - {f.name for f in schema} - {"settlement_period"}
        assert not unknown, f"{table} has no {unknown}"
        made.append({f.name: whole.get(f.name, _FILL[f.field_type] if f.mode == "REQUIRED" else None) for f in schema})
    return {table: made}
