"""What a download would do and cost, told before it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from collector.base import gb_calendar
from collector.base.screen import EVERYTHING, Screen
from collector.base.text import duration
from collector.cloud import costs
from collector.cloud.clients import UNSEEN
from collector.days import AROUND, RIDERS, Stored, Task, days_to_fetch, spans
from collector.source import ckan
from collector.source.memory import window_days
from collector.storage.day_objects import DayStore

# Bytes of JSON a second that a good line brings; the APIs themselves give more.
LINE = 20e6
# What of the plan a narrow screen leaves out, in this order.
_SPARE = ("OBJECTS", "STORED", "STALE", "DAYS", "ROWS", "REQUESTS", "MISSING")


def fetching(task: Task, wanted: Sequence[date], max_days: int, delay: float) -> tuple[int, float]:
    """Requests that it takes to fetch these days, and seconds: at the pace that the source allows, or as the line brings
    them, whichever is slower. max_days: most days of a request; delay: least seconds between two."""
    dataset = task.dataset
    if dataset.files:
        requests = ckan.count(dataset.files, list(wanted)) + bool(wanted)
    else:
        asked = spans(wanted, window_days(dataset, max_days), dataset.asked.split_years, riders=RIDERS)
        requests = sum(dataset.requests(span.first, span.last) for span in asked)
    return requests, max(requests * max(1 / dataset.source.rate, delay), len(wanted) * dataset.bytes_per_day / LINE)


def plan_text(
    tasks: Sequence[Task], store: DayStore | None, *, max_days: int, delay: float, force: bool, location: str,
    screen: Screen = EVERYTHING,
) -> str:  # fmt: skip
    """What a run would request and store, a line for each dataset, with the time it takes and its cost. store: None where
    nobody can look into it; max_days, delay: see fetching; force: even what is settled; location: where the bucket would
    be."""
    now = gb_calendar.utc_now()
    head = ("DATASET", "DAYS", "STORED", "MISSING", "STALE", "REQUESTS", "OBJECTS", "ROWS", "MB", "TIME")
    plans = []
    for task in tasks:
        dataset = task.dataset
        found = Stored(store.list(dataset, task.first - AROUND, task.last + AROUND) if store and task.days else {})
        stored = sum(1 for day in found if task.first <= day <= task.last)
        wanted = days_to_fetch(task, found, now, force)
        stale, count = sum(1 for day in wanted if day in found), len(wanted)
        requests, seconds = fetching(task, wanted, max_days, delay)
        size, rows = count * dataset.bytes_per_day, count * dataset.rows_per_day
        plans.append((len(task.days), stored, count - stale, stale, requests, count, rows, size, seconds))
    sums = tuple(map(sum, zip(*plans, strict=True)))
    names = [*(task.dataset.key for task in tasks), "in all"]
    told = [
        (name, *(f"{n:,}" for n in numbers), f"{size / 1e6:,.1f}", duration(seconds))
        for name, (*numbers, size, seconds) in zip(names, (*plans, sums), strict=True)
    ]
    *_, requests, objects, _rows, size, seconds = sums
    where = store.bucket.location if store else location
    return "\n".join((
        screen.table((head, *told), frozenset(range(1, 10)), _SPARE),
        *map(screen.prose, (
            "ROWS and MB are estimates from the registry; TIME is what the pace that the source allows and 20 MB/s take.",
            f"Nothing was requested or stored. Objects go to gs://{store.bucket.name}/raw/<dataset>/<YYYY>/<MM>/." if store else UNSEEN,
            f"In all: {requests:,} requests, {size / 1e9:,.1f} GB of JSON in about {duration(seconds)}, "
            f"{size / costs.COMPRESSION / 1e9:,.2f} GB in Cloud Storage: {costs.told(costs.storage(size, objects, where), where)}.",
        )),
    ))  # fmt: skip
