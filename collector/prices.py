"""What work costs at Google Cloud: list prices by location as data, and how many bytes BigQuery bills.

Prices are those of cloud.google.com/bigquery/pricing and cloud.google.com/storage/pricing, in US dollars, without
discounts and without the free tier (1 TiB of queries and 10 GiB of tables a month). They change now and then: the pages
say what holds today. Load jobs, metadata, copies and listing tables are free at BigQuery.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from datetime import date
from typing import NamedTuple

from datasets_config import Column, Dataset

AS_OF = "2025-08"
GIB, TIB = 2**30, 2**40


class Price(NamedTuple):
    """USD: a TiB that queries read (on demand), a GiB of tables a month (active, logical), a GB of objects a month
    (standard class), 1,000 uploads."""

    query: float
    tables: float
    objects: float
    uploads: float


# In other locations queries are up to twice as dear.
PRICES = {
    "US": Price(6.25, 0.020, 0.026, 0.010),
    "EU": Price(6.25, 0.020, 0.026, 0.010),
    "US-CENTRAL1": Price(6.25, 0.023, 0.020, 0.005),
    "US-EAST1": Price(6.25, 0.023, 0.020, 0.005),
    "EUROPE-NORTH1": Price(7.50, 0.020, 0.020, 0.005),
    "EUROPE-WEST1": Price(7.50, 0.020, 0.020, 0.005),
    "EUROPE-WEST2": Price(7.8125, 0.023, 0.023, 0.005),
    "EUROPE-WEST3": Price(8.125, 0.023, 0.023, 0.005),
    "EUROPE-WEST4": Price(7.50, 0.020, 0.020, 0.005),
}
# Of each table that a query reads at least so much is billed.
LEAST = 10 * 2**20
# Bytes of a value as BigQuery counts them. Texts are codes of about ten characters, and two bytes each; the long ones,
# of system_warnings, are of two rows a day.
WIDTHS = {"INT64": 8, "FLOAT64": 8, "TIMESTAMP": 8, "DATE": 8, "BOOL": 1, "STRING": 12}
# Records compress to about a twelfth.
COMPRESSION = 12


def price(location: str | None) -> tuple[Price, str]:
    """The prices at a location, and the words that say which they are: those of US where it is not known."""
    name = (location or "").upper()
    if name in PRICES:
        return PRICES[name], f"list prices {AS_OF}, {name if len(name) == 2 else name.lower()}"
    return PRICES["US"], f"list prices {AS_OF}, US; others differ"


def width(columns: Iterable[Column]) -> int:
    """Bytes that BigQuery bills for reading these columns of one row."""
    return sum(WIDTHS[column.type] for column in columns)


def named(dataset: Dataset, sql: str) -> list[Column]:
    """The columns of the dataset's table that a statement names, which are those that it reads."""
    return [column for column in dataset.columns if re.search(rf"\b{column.name}\b", sql)]


def _values(dataset: Dataset, with_digest: bool = True) -> int:
    """Bytes a row that the check of the values reads."""
    from collector.quality import content_sql

    return width(named(dataset, content_sql(dataset, "", [dataset.first_day], with_digest)))


def of_verification(dataset: Dataset, rows: int) -> float:
    """Bytes that are billed for a verification that reads all `rows` of a table: the values, and the counts with them."""
    return max(LEAST, rows * _values(dataset)) if rows else 0.0


def of_run(dataset: Dataset, days: Collection[date], rows: int, loaded: Collection[date], ledger_bytes: int) -> float:
    """Bytes that are billed for a run that loads `days`, which have `rows` rows, and verifies them.

    Each staged line is read twice, to check it and to publish it; a DELETE reads the partitions that it changes; then
    their rows are read for the digests, and the values in them checked. loaded: the days that are in the table before, taken to be
    of ordinary size. ledger_bytes: size of the load ledger, which is read for the plan, for each publication and for
    either step of the verification.
    """
    from collector.warehouse import partition_of

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


# ---------------------------------------------------------------------------------------------- told
def storage(bytes_raw: float, objects: int, location: str | None) -> str:
    """Cost of storing `objects` day objects of `bytes_raw` bytes of JSON."""
    prices, which = price(location)
    gb = bytes_raw / COMPRESSION / 1e9
    once = objects / 1_000 * prices.uploads
    return f"Cloud Storage: {objects:,} uploads {once:.2f} USD once, {gb:,.2f} GB {gb * prices.objects:.2f} USD a month ({which})"


def loading(billed: float, table_bytes: float, location: str | None) -> str:
    """Cost of a run for which `billed` bytes of queries are billed and that adds `table_bytes` to the tables."""
    prices, which = price(location)
    return (
        f"BigQuery: load jobs free, {billed / 1e9:,.1f} GB of queries {money(billed, location)} once, "
        f"{table_bytes / 1e9:,.2f} GB of tables {table_bytes / GIB * prices.tables:.2f} USD a month ({which})"
    )


def money(billed: float, location: str | None) -> str:
    """What queries cost that read so many bytes."""
    usd = billed / TIB * price(location)[0].query
    return f"{usd:.2f} USD" if usd >= 0.1 or usd == 0 else f"{usd:.4f} USD"
