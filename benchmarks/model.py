"""What the whole registry takes over its years: requests, bytes, objects, jobs, hours, quotas and money, by computation.

    python3 benchmarks/model.py

Prints the table of benchmarks/README.md, which a test holds against it. Sizes are the registry's, prices those of
collector/cloud/costs.py, rates those that the programs keep to; what was measured stands in benchmarks/README.md.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from collector.cloud import costs
from collector.days import RIDERS, spans
from collector.registry.model import Dataset
from collector.source.download import window_days
from collector.storage.day_objects import PAGE
from collector.verify import bill
from collector.warehouse.layout import LEDGER_SCHEMA
from collector.warehouse.load import BATCH_BYTES, BATCH_DAYS
from datasets_config import DEFAULT_DATASETS, REGISTRY

FIRST, LAST, LOCATION = date(2016, 1, 1), date(2026, 12, 31), "EUROPE-WEST2"
# By default; and MB of JSON a second that one core takes from answer to object, B1610 (measured, benchmarks/README.md).
MAX_DAYS, MB_A_SECOND = 7, 170
# Bytes of the texts in a row of the ledger; others are 8.
_TEXTS = {"dataset": 20, "object": 80, "identity": 66, "column_hash": 14}
# Documented at cloud.google.com/bigquery/quotas: load jobs a project and day, and a table.
LOADS_A_DAY, LOADS_OF_A_TABLE = 100_000, 1_500


def life(dataset: Dataset) -> range:
    """Ordinals of the settlement days that are collected of it; of a snapshot a state a month."""
    first, last = max(FIRST, dataset.first_day), min(LAST, dataset.last_day or LAST)
    return range(first.toordinal(), last.toordinal() + 1, 30 if dataset.endpoint.is_snapshot else 1)


def backfill_requests(dataset: Dataset) -> int:
    """To the source, of all its days; of files one for each, and one for which there are."""
    days = len(life(dataset))
    if dataset.files or dataset.endpoint.is_snapshot:
        return 1 + max(1, days // 365)
    most, first = window_days(dataset, MAX_DAYS), date(2024, 6, 1)
    return math.ceil(days / most * dataset.requests(first, first + timedelta(most - 1)))


def daily_requests(dataset: Dataset) -> int:
    """Of a daily run: today, yesterday, and the days whose turn it is, those between taken along; 0 once it has ended."""
    if dataset.last_day:
        return 0
    if dataset.files or dataset.endpoint.is_snapshot:
        return 1
    # Six settlement runs, each looked for twice where it comes when it should.
    back = {0, 1, *(int(n) + 1 for n in dataset.revision_days)} | (
        {8, 9, 24, 25, 58, 59, 125, 126, 227, 228, 425, 426} if dataset.settlement_runs else set()
    )
    due = sorted(LAST - timedelta(n) for n in back)
    found = spans(due, window_days(dataset, MAX_DAYS), dataset.endpoint.split_years, riders=RIDERS)
    return sum(dataset.requests(span.first, span.last) for span in found)


def model(datasets: Sequence[Dataset]) -> list[tuple[str, str]]:
    """What, how much."""
    days = {d.key: len(life(d)) for d in datasets}
    objects, size = sum(days.values()), sum(days[d.key] * d.bytes_per_day for d in datasets)
    rows = sum(days[d.key] * d.rows_per_day for d in datasets)
    tables = sum(days[d.key] * d.rows_per_day * costs.width(d.columns) for d in datasets)
    rates: dict[str, float] = {}
    for d in datasets:
        rates[d.source.variable] = rates.get(d.source.variable, 0.0) + backfill_requests(d) / d.source.rate
    batches = {
        d.key: max(math.ceil(days[d.key] / BATCH_DAYS), math.ceil(days[d.key] * d.bytes_per_day / BATCH_BYTES))
        for d in datasets
    }
    entries = objects + 365 * sum(daily_requests(d) for d in datasets)
    ledger = entries * sum(_TEXTS.get(f.name, 8) for f in LEDGER_SCHEMA)
    loading = sum(
        bill.of_run(d, {date.fromordinal(n) for n in life(d)}, days[d.key] * d.rows_per_day, (), ledger)
        for d in datasets
    )
    verify = sum(bill.of_verification(d, days[d.key] * d.rows_per_day) for d in datasets)
    price, _ = costs.price(LOCATION)
    stored = size / costs.COMPRESSION
    daily = sum(daily_requests(d) for d in datasets)
    return [
        ("settlement days, an object each", f"{objects:,}"),
        ("requests to the sources, backfill; a daily run", f"{sum(map(backfill_requests, datasets)):,}; {daily:,}"),
        ("JSON; as stored; rows", f"{size / 1e9:,.0f} GB; {stored / 1e9:,.1f} GB; {rows / 1e9:,.2f} thousand million"),
        ("backfill: hours at the pace of the slowest source; of one core", f"{max(rates.values()) / 3600:,.2f}; {size / MB_A_SECOND / 1e6 / 3600:,.1f}"),
        ("backfill: hours at 100 Mbit/s, answers packed twelvefold", f"{stored * 8 / 1e8 / 3600:,.1f}"),
        ("load jobs of the backfill; of the largest dataset", f"{sum(batches.values()):,}; {max(batches.values()):,}"),
        ("the same of what BigQuery allows a day: project; table", f"{sum(batches.values()) / LOADS_A_DAY:.1%}; {max(batches.values()) / LOADS_OF_A_TABLE:.0%}"),
        ("uploads, once", f"{objects / 1_000 * price.uploads:,.2f} USD"),
        ("objects, a month", f"{stored / 1e9 * price.objects:,.2f} USD"),
        ("tables; a month", f"{tables / costs.GIB:,.0f} GiB; {tables / costs.GIB * price.tables:,.2f} USD"),
        ("queries of the backfill, once", f"{loading / 1e12:,.2f} TB, {costs.money(loading, LOCATION)}"),
        ("--verify of everything, each time", f"{verify / 1e12:,.2f} TB, {costs.money(verify, LOCATION)}"),
        ("the ledger after a year; one query of it", f"{entries:,} rows, {ledger / 1e6:,.0f} MB; {costs.money(ledger, LOCATION)}"),
        ("pages of a listing of everything; their price", f"{sum(math.ceil(n / PAGE) for n in days.values()):,}; {sum(math.ceil(n / PAGE) for n in days.values()) / 1_000 * price.uploads:.4f} USD"),
    ]  # fmt: skip


def table() -> str:
    """The model of the eleven and of all, as Markdown."""
    core, everything = model([REGISTRY[key] for key in DEFAULT_DATASETS]), model(list(REGISTRY.values()))
    lines = [f"| | the eleven | all {len(REGISTRY)} |", "|---|---|---|"]
    return (
        "\n".join(
            [*lines, *(f"| {what} | {few} | {many} |" for (what, few), (_, many) in zip(core, everything, strict=True))]
        )
        + "\n"
    )


if __name__ == "__main__":
    print(table(), end="")
