"""What work costs at Google Cloud: list prices by location as data, and how many bytes BigQuery bills.

Prices are those of cloud.google.com/bigquery/pricing and cloud.google.com/storage/pricing, in US dollars, without
discounts and without the free tier (1 TiB of queries and 10 GiB of tables a month). They change now and then: the pages
say what holds today. Load and extract jobs, metadata, copies and listing tables are free at BigQuery.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from collector.registry.model import Column, Dataset

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
WIDTHS = {"INT64": 8, "FLOAT64": 8, "TIMESTAMP": 8, "DATE": 8, "BOOL": 1, "STRING": 12, "JSON": 100}
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


class Cost(NamedTuple):
    """USD: once, and each month from then on."""

    once: float
    month: float

    def and_(self, other: Cost) -> Cost:
        """Both together."""
        return Cost(self.once + other.once, self.month + other.month)


def storage(bytes_raw: float, objects: int, location: str | None) -> Cost:
    """Of storing `objects` day objects of `bytes_raw` bytes of JSON."""
    prices, _ = price(location)
    return Cost(objects / 1_000 * prices.uploads, bytes_raw / COMPRESSION / 1e9 * prices.objects)


def loading(billed: float, table_bytes: float, location: str | None) -> Cost:
    """Of a run for which `billed` bytes of queries are billed and that adds `table_bytes` to the tables."""
    prices, _ = price(location)
    return Cost(billed / TIB * prices.query, table_bytes / GIB * prices.tables)


# ---------------------------------------------------------------------------------------------- told
def told(cost: Cost, location: str | None) -> str:
    """A cost in words, and by which prices."""
    return f"{_usd(cost.once)} once, {_usd(cost.month)} a month ({price(location)[1]})"


def money(billed: float, location: str | None) -> str:
    """What queries cost that read so many bytes."""
    return _usd(loading(billed, 0, location).once)


def _usd(amount: float) -> str:
    return f"{amount:,.2f} USD" if amount >= 0.1 or amount == 0 else f"{amount:.4f} USD"
