"""What a run and a verification cost in BigQuery, from the statements that they send."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from collector.cloud.costs import LEAST, WIDTHS, named, width
from collector.registry.model import Dataset
from collector.verify.quality import content_sql
from collector.warehouse.sql import partition_of


def _values(dataset: Dataset, with_digest: bool = True) -> int:
    """Bytes a row that the check of the values reads."""
    return width(named(dataset, content_sql(dataset, "", [dataset.first_day], with_digest)))


def of_verification(dataset: Dataset, rows: int) -> float:
    """Bytes that are billed for a verification that reads all `rows` of a table: the values, and the counts with them."""
    return max(LEAST, rows * _values(dataset)) if rows else 0.0


def of_run(dataset: Dataset, days: Collection[date], rows: int, loaded: Collection[date], ledger_bytes: int) -> float:
    """Bytes that are billed for a run that loads `days`, which have `rows` rows, and verifies them.

    Each staged line is read twice, to check it and to publish it; a DELETE reads the partitions that it changes; then
    their rows are read for the digests, and the values in them checked. loaded: the days that are in the table before,
    taken to be of ordinary size. ledger_bytes: size of the load ledger, which is read for the plan, for each publication and for
    either step of the verification.
    """
    ledger = max(LEAST, ledger_bytes)
    if not days:
        return 3.0 * ledger
    touched = {partition_of(dataset, day) for day in days}
    before = sum(1 for day in loaded if partition_of(dataset, day) in touched) * dataset.rows_per_day
    after = before + rows - sum(1 for day in days if day in loaded) * dataset.rows_per_day
    parts = (
        rows * (2 + dataset.bytes_per_row), rows * (2 + dataset.bytes_per_row), before * (width(dataset.columns) + WIDTHS["DATE"]),
        after * width(dataset.columns), after * _values(dataset, dataset.partition != "DAY"),
    )  # fmt: skip
    return 4.0 * ledger + sum(max(LEAST, part) for part in parts)
