"""The tables as they lie in BigQuery: those of the registry, the load ledger, staging."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from google.cloud import bigquery

from collector.registry.model import Dataset

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
    bigquery.SchemaField("first_fetched_at", "TIMESTAMP", description="When the source first answered so [UTC]"),
]  # fmt: skip

SAME_TYPE = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL"}


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
        live = _hash_of((f.name, SAME_TYPE.get(f.field_type, f.field_type)) for f in table.schema)
        added = (table.labels or {}).get(COLUMNS_ADDED, "")
        is_whole = row.column_hash in (None, known, live) and not (
            added.isdigit() and row.loaded_at.timestamp() < int(added)
        )
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
