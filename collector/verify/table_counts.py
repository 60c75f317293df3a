"""What is in the tables: from metadata where that is enough, else read."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from google.api_core.exceptions import BadRequest, GoogleAPIError

from collector.days import Task
from collector.registry.model import Dataset
from collector.verify.quality import Finding, findings, read_content, unread
from collector.warehouse.layout import Loaded
from collector.warehouse.sql import counts_sql, partition_of, partitions_sql
from collector.warehouse.tables import Warehouse

if TYPE_CHECKING:
    from google.cloud import bigquery

# Each is one short request.
_TABLES_AT_ONCE = 8


class Metadata:
    """What is told of all tables without reading one, each for 10 MB: how many rows their partitions have, and what the
    ledger has of them, of `together` in one query. Both are asked for once, when first needed."""

    def __init__(self, warehouse: Warehouse, together: Sequence[Dataset] = ()) -> None:
        self.warehouse, self.together = warehouse, together
        self._asking = threading.Lock()

    def look(self, dataset: Dataset) -> tuple[bigquery.Table | None, dict[date, Loaded]]:
        """A dataset's table, None where there is none, and what the ledger has of it."""
        with self._asking:
            looked = self._looked
        if dataset.key not in looked:
            looked[dataset.key] = self._look([dataset])[dataset.key]
        return looked[dataset.key]

    @cached_property
    def _looked(self) -> dict[str, tuple[bigquery.Table | None, dict[date, Loaded]]]:
        try:
            return self._look(self.together)
        except GoogleAPIError:
            # Each asks for itself then, and tells what is wrong with its own.
            return {}

    def _look(self, datasets: Sequence[Dataset]) -> dict[str, tuple[bigquery.Table | None, dict[date, Loaded]]]:
        # In this order: what is published between the two questions makes them differ, never look alike.
        with ThreadPoolExecutor(_TABLES_AT_ONCE) as pool:
            looked = pool.map(self.warehouse.table, [dataset.table for dataset in datasets])
            tables = {dataset.key: table for dataset, table in zip(datasets, looked, strict=True)}
        ledgers = self.warehouse.ledgers([(d, table) for d in datasets if (table := tables[d.key])], date.min, date.max)
        return {key: (table, ledgers.get(key, {})) for key, table in tables.items()}

    @cached_property
    def _rows(self) -> dict[tuple[str, str], int]:
        return {
            (row.table_name, row.partition_id): row.total_rows
            for row in self.warehouse.query(partitions_sql(self.warehouse.prefix), step="partitions")
        }

    def doubtful(self, dataset: Dataset, days: set[date], ledger: dict[date, Loaded]) -> set[date]:
        """Those of `days` whose partitions have other numbers of rows than the ledger says."""
        with self._asking:
            rows = self._rows
        told: dict[str, int] = {}
        for day, entry in ledger.items():
            told[partition_of(dataset, day)] = told.get(partition_of(dataset, day), 0) + entry.table_rows
        return {
            day
            for day in days
            if rows.get((dataset.table, (part := partition_of(dataset, day))), 0) != told.get(part, 0)
        }


def read_table(
    task: Task,
    metadata: Metadata,
    table: bigquery.Table,
    ledger: dict[date, Loaded],
    content: bool,
    since: datetime | None,
) -> tuple[dict[date, int], dict[date, int], list[Finding]]:
    """Rows that the table has of each day of the task, the digests of those that are read as a whole, and what looks odd about
    the values where content is asked for. Where only rows are counted, or metadata read, changed values are not seen.

    ledger: of all days of the table. since None: every day is read. Otherwise what metadata tell is not read: the
    values are checked of the days published since then, with those that share a partition with one, for that reads no
    more, and the digests, if there are such: of what it published each transaction has just computed them; of the other
    days the ledger's counts are taken, if their partitions have the rows that the ledger says, or, which costs nothing at
    all, the table has (without content: a check of the values follows).
    """
    dataset, warehouse, days = task.dataset, metadata.warehouse, set(task.days)
    published = {day for day, entry in ledger.items() if since is None or entry.loaded_at >= since}
    touched = {partition_of(dataset, day) for day in published}
    fresh = days if since is None else {day for day in days if partition_of(dataset, day) in touched}
    with_digest = since is None or not fresh <= published
    counts: dict[date, int] = {}
    digests: dict[date, int] = {}
    odd: list[Finding] = []
    if content and fresh:
        try:
            rows = read_content(dataset, warehouse, fresh, with_digest)
            counts, odd = {row.settlement_date: row.row_count for row in rows}, findings(dataset, rows)
            digests = {row.settlement_date: row.digest for row in rows} if with_digest else {}
            days -= fresh
        except BadRequest as error:
            odd = [unread(error)]
    if since is None:
        uncounted = days
    elif not content and table.num_rows == sum(entry.table_rows for entry in ledger.values()):
        uncounted = set()
    else:
        uncounted = metadata.doubtful(dataset, days, ledger)
    counts.update({day: ledger[day].table_rows for day in days - uncounted if day in ledger and ledger[day].table_rows})
    if uncounted:
        rows = warehouse.query(counts_sql(warehouse.table_id(dataset.table), uncounted), step="count", dataset=dataset)
        counts.update({row.settlement_date: row.row_count for row in rows})
    return counts, digests, odd
