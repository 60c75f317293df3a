"""What a load and a verification would do and cost, told before them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from collector.base import gb_calendar
from collector.base.names import DEFAULT_DAYS
from collector.base.screen import EVERYTHING, Screen
from collector.base.text import duration
from collector.cloud import costs
from collector.cloud.clients import UNSEEN
from collector.days import AROUND, Stored, Task, days_to_fetch
from collector.source.plan import fetching
from collector.storage.day_objects import DayStore
from collector.verify import bill
from collector.warehouse.layout import LEDGER
from collector.warehouse.load import BATCH_BYTES, BATCH_DAYS, batches, pending_days
from collector.warehouse.tables import Warehouse

_HEAD = (
    "DATASET",
    "STORED DAYS",
    "LOADED",
    "TO LOAD",
    "ROWS TO LOAD",
    "MB",
    "LOAD JOBS",
    "TO DOWNLOAD",
    "THEN JOBS",
    "TABLE",
)
# What of the plan a narrow screen leaves out, in this order.
_SPARE = ("TABLE", "THEN JOBS", "LOAD JOBS", "LOADED", "MB", "STORED DAYS", "ROWS TO LOAD")


@dataclass
class _Work:
    """Bytes: that queries read, that tables grow by, of JSON to fetch; objects to fetch, and the seconds that takes."""

    billed: float = 0.0
    growth: float = 0.0
    json: float = 0.0
    objects: int = 0
    seconds: float = 0.0


def plan_text(
    tasks: Sequence[Task], places: tuple[Warehouse, DayStore] | None, *, force: bool, location: str, screen: Screen = EVERYTHING
) -> str:  # fmt: skip
    """What a run would load, a line for each dataset, with its cost, and what verifying everything would cost; at the end
    what download and load come to. places: None where nobody can look into them; location: where they would be."""
    warehouse, store = places or (None, None)
    # For what is stored, and for what is to be downloaded; bytes of a whole verification.
    here, coming, whole = _Work(), _Work(), 0.0
    now = gb_calendar.utc_now()
    entries = warehouse.table(LEDGER) if warehouse else None
    ledger_bytes = (entries.num_bytes or 0) if entries else 0
    plans, tables = [], []
    for task in tasks:
        dataset = task.dataset
        listed = store.list(dataset, task.first - AROUND, task.last + AROUND) if store and task.days else {}
        stored = {day: kept for day, kept in listed.items() if task.first <= day <= task.last}
        live = warehouse.table(dataset.table) if warehouse else None
        ledger = warehouse.ledger(dataset, live, date.min, date.max) if warehouse else {}
        pending = pending_days(stored, ledger, force)
        wanted = days_to_fetch(task, Stored(listed), now, False)
        count, width = sum(max(day.rows, 0) for day in pending), costs.width(dataset.columns)
        jobs = sum(1 for batch in batches(pending, dataset) if any(day.rows for day in batch))
        later = len(wanted) * dataset.bytes_per_day
        then = max(math.ceil(len(wanted) / BATCH_DAYS), math.ceil(later / BATCH_BYTES))
        size, loaded = count * dataset.bytes_per_row / 1e6, len(stored) - len(pending)
        plans.append((len(stored), loaded, len(pending), count, size, jobs, len(wanted), then))
        tables.append(dataset.table if live else f"{dataset.table} (to be created)")
        here.billed += bill.of_run(dataset, {day.day for day in pending}, count, ledger, ledger_bytes)
        here.growth += count * width
        coming.billed += bill.of_run(dataset, set(wanted), len(wanted) * dataset.rows_per_day, ledger, ledger_bytes)
        coming.growth += sum(1 for day in wanted if day not in ledger) * dataset.rows_per_day * width
        coming.json += later
        coming.objects += len(wanted)
        coming.seconds += fetching(task, wanted, DEFAULT_DAYS, 0.0)[1]
        whole += bill.of_verification(dataset, live.num_rows or 0) if live else 0.0
    where = warehouse.home.location if warehouse else location
    sums = tuple(map(sum, zip(*plans, strict=True)))
    names, tables = [*(task.dataset.key for task in tasks), "in all"], [*tables, ""]
    told = [
        (name, *(f"{n:,}" if isinstance(n, int) else f"{n:,.1f}" for n in numbers), table)
        for name, numbers, table in zip(names, (*plans, sums), tables, strict=True)
    ]
    lines = (*_costs(here, coming, whole, where), "" if places else UNSEEN, _in_all(here, coming, where))
    return "\n".join((
        screen.table((_HEAD, *told), frozenset(range(1, 9)), _SPARE), *map(screen.prose, filter(None, lines)),
    ))  # fmt: skip


def _costs(here: _Work, coming: _Work, whole: float, where: str | None) -> Iterator[str]:
    """What BigQuery bills: load jobs are free."""
    for what, work in (("For what is stored", here), ("For the days to download, by estimate", coming)):
        if work is here or work.objects:
            cost = costs.loading(work.billed, work.growth, where)
            yield f"{what}: {work.billed / 1e9:,.1f} GB of queries, {work.growth / 1e9:,.2f} GB of tables: {costs.told(cost, where)}."
    yield (
        "The check of what is loaded is in it. "
        f"To verify all that is loaded now (--verify): {whole / 1e9:,.1f} GB of queries {costs.money(whole, where)}."
    )
    yield "Nothing was loaded or created."


def _in_all(here: _Work, coming: _Work, where: str | None) -> str:
    """The whole of it, download and load, in one line."""
    growth = here.growth + coming.growth
    cost = costs.loading(here.billed + coming.billed if coming.objects else here.billed, growth, where)
    cost = cost.and_(costs.storage(coming.json, coming.objects, where))
    fetched = (
        f"{coming.json / 1e9:,.1f} GB of JSON to fetch in about {duration(coming.seconds)}, " if coming.objects else ""
    )
    return (
        f"In all, download and load: {fetched}{coming.json / costs.COMPRESSION / 1e9:,.2f} GB more in Cloud Storage, "
        f"{growth / 1e9:,.2f} GB in BigQuery: {costs.told(cost, where)}."
    )
